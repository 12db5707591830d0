import socket

import pytest

from puna.config.network import Address, parse_origins
from puna.config.settings import Settings
from puna.server import access

DEFAULT = Settings()


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST:1", "127.0.0.1", "127.1.2.3:80", "[::1]:1", "::1", "[::ffff:127.0.0.1]:1", "0.0.0.0",
        "192.168.1.5:11434", "10.0.0.9", "172.31.0.1", "fd00::1", "app.localhost:80", "host.docker.internal:11434",
    ],
)  # fmt: skip
def test_near_hosts_are_served(host: str) -> None:
    assert access.host_refusal(host, DEFAULT) is None


@pytest.mark.parametrize(
    "host",
    [
        "example.com", "example.com:11434", "localhost.", "localhost.example.com", "127.0.0.1.nip.example", "evil.local",
        "x.internal", "localhost@evil.example", "8.8.8.8", "169.254.1.1", "192.0.2.7:11434", "[2001:db8::1]", "", ":11434",
    ],
)  # fmt: skip
def test_other_hosts_are_refused(host: str) -> None:
    refusal = access.host_refusal(host, DEFAULT)
    assert refusal is not None
    assert refusal.status == 403
    assert "PUNA_HOSTS" in refusal.text


def test_names_of_this_machine_and_named_ones_are_served() -> None:
    settings = Settings(hosts=("Box.Example",), host=Address(host="me.example"))
    for host in ("box.example:1", "me.example", socket.gethostname()):
        assert access.host_refusal(host, settings) is None


@pytest.mark.parametrize(
    ("host", "good"),
    [("a b", False), ("a/b", False), ("a\tb", False), ("[::1]:80", True), ("", True)],
)
def test_a_host_header_has_a_form(host: str, good: bool) -> None:
    assert access.is_wellformed_host(host) is good


def test_a_page_of_the_server_itself_needs_no_permission() -> None:
    for origin in ("", "http://example.com:1", "https://example.com:1"):
        assert access.origin_refusal(origin, "example.com:1", Settings()) is None
    refusal = access.origin_refusal("http://evil.example", "example.com:1", Settings())
    assert refusal is not None
    assert "OLLAMA_ORIGINS" in refusal.text


PAGE = "https://page.example"


@pytest.mark.parametrize(
    ("settings", "admitted", "served"),
    [
        (Settings(), False, False),
        (Settings(), True, True),
        (Settings(allowed_origins=(PAGE,)), False, True),
        (Settings(origins=parse_origins(PAGE)), False, True),
        (Settings(origins=parse_origins("*")), False, True),
        (Settings(blocked_origins=(PAGE,), origins=parse_origins("*")), True, False),
    ],
)
def test_what_was_refused_for_good_stays_refused(
    settings: Settings, admitted: bool, served: bool
) -> None:
    refusal = access.origin_refusal(PAGE, "localhost:1", settings, admitted=admitted)
    assert (refusal is None) is served


@pytest.mark.parametrize(
    ("method", "origin", "site", "refused"),
    [
        ("POST", "", "cross-site", True),
        ("DELETE", "", "same-site", True),
        ("POST", "", "same-origin", False),
        ("POST", "", "none", False),
        ("POST", "", "", False),
        ("GET", "", "cross-site", False),
        ("POST", "http://localhost", "cross-site", False),
    ],
)
def test_a_browser_must_say_from_where_it_changes_something(
    method: str, origin: str, site: str, refused: bool
) -> None:
    assert (access.fetch_refusal(method, origin, site) is not None) is refused


@pytest.mark.parametrize(
    ("authorization", "header", "good"),
    [
        ("Bearer secret", "", True),
        ("bearer  secret ", "", True),
        ("", "secret", True),
        ("Basic secret", "", False),
        ("Bearer secre", "", False),
        ("Bearer admin", "secret", True),
        ("Bearer wrong", "wrong", False),
        ("", "", False),
        ("Bearer sécret", "", False),
    ],
)
def test_the_key_comes_as_bearer_token_or_header(
    authorization: str, header: str, good: bool
) -> None:
    settings = Settings(api_key="secret")
    refusal = access.key_refusal("/api/pull", authorization, header, settings)
    assert (refusal is None) is good


def test_without_a_key_nobody_needs_one() -> None:
    assert access.key_refusal("/api/pull", "", "", Settings(inference_key="second")) is None


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/chat", 0),
        ("/v1/chat/completions", 0),
        ("/v1/models/ns/m", 0),
        ("/api/tags", 0),
        ("/api/pull", 403),
        ("/api/delete", 403),
        ("/api/blobs/sha256:0", 403),
        ("/api/settings", 403),
        ("/api/cancel", 403),
        ("/metrics", 403),
    ],
)
def test_the_second_key_runs_models_and_changes_nothing(path: str, status: int) -> None:
    settings = Settings(api_key="secret", inference_key="second")
    refusal = access.key_refusal(path, "", "second", settings)
    assert (refusal.status if refusal else 0) == status
    assert access.key_refusal(path, "", "secret", settings) is None
    wrong = access.key_refusal(path, "", "third", settings)
    assert wrong is not None
    assert wrong.status == 401


def test_a_preflight_grants_further_headers_only_when_asked() -> None:
    rules = parse_origins("")
    plain = dict(access.preflight_headers("http://localhost", rules, "content-type", False))
    asked = dict(
        access.preflight_headers("http://localhost", rules, "x-api-key, Anthropic-Version", False)
    )
    assert plain[b"access-control-allow-headers"] == access.REQUEST_HEADERS.encode()
    assert asked[b"access-control-allow-headers"].endswith(b",X-Api-Key,Anthropic-Version")
    assert b"access-control-allow-private-network" not in plain


def test_a_star_is_answered_with_a_star() -> None:
    headers = access.preflight_headers("http://x.example", parse_origins("*"), "", True)
    assert (b"access-control-allow-origin", b"*") in headers
    assert (b"access-control-allow-private-network", b"true") in headers
    assert not [name for name, _ in headers if name == b"vary"]
