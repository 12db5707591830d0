import pytest

from puna.config.network import Address, parse_host, parse_origins

HOSTS = {
    "": Address("http", "127.0.0.1", 11434),
    "1.2.3.4": Address("http", "1.2.3.4", 11434),
    "1.2.3.4:99": Address("http", "1.2.3.4", 99),
    ":1234": Address("http", "", 1234),
    "http://example.com": Address("http", "example.com", 80),
    "https://example.com": Address("https", "example.com", 443),
    "https://example.com:1/x/y": Address("https", "example.com", 1, "x/y"),
    "example.com:66000": Address("http", "example.com", 11434),
    "example.com:-1": Address("http", "example.com", 11434),
    "http://example.com:x": Address("http", "example.com", 80),
    "::1": Address("http", "::1", 11434),
    "[::1]": Address("http", "::1", 11434),
    "[::1]:8080": Address("http", "::1", 8080),
    "ollama.com": Address("https", "ollama.com", 443),
    ' "0.0.0.0:80" ': Address("http", "0.0.0.0", 80),
}


@pytest.mark.parametrize("text", HOSTS)
def test_a_host_is_read_as_ollama_reads_it(text: str) -> None:
    assert parse_host(text) == HOSTS[text]


def test_a_bad_port_is_reported() -> None:
    warnings: list[str] = []
    parse_host("x:99999", warnings)
    assert "99999" in warnings[0]


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("127.9.9.9", True), ("", False), ("0.0.0.0", False), ("example.com", False)],
)  # fmt: skip
def test_loopback_addresses_are_known(host: str, loopback: bool) -> None:
    assert Address(host=host).is_loopback is loopback


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (Address(host="", port=1), "http://127.0.0.1:1"),
        (Address(host="::", port=1), "http://127.0.0.1:1"),
        (Address(host="::1", port=1), "http://[::1]:1"),
        (Address("https", "a", 443, "x/"), "https://a:443/x"),
    ],
)
def test_a_client_gets_an_address_it_can_connect_to(address: Address, url: str) -> None:
    assert address.url == url


GOOD = [
    "http://localhost", "https://localhost:8443", "http://127.0.0.1:5173", "http://0.0.0.0:80", "http://[::1]:3000",
    "app://obsidian.md", "file://", "tauri://localhost", "vscode-webview://abc", "vscode-file://vscode-app",
]  # fmt: skip
BAD = [
    "null", "zzz", "http://example.com", "https://evil.example", "http://localhost.evil.example", "http://localhost:80.evil.example",
    "http://localhost:", "http://localhost@evil.example", "http://evillocalhost", "http://[::1].evil.example", "file://evil.example@x",
    "HTTP://LOCALHOST:3000", "chrome-extension://abc", "http://192.168.1.5:3000", "http://a.localhost:3000", "capacitor://localhost",
    "app://x/../y", "http://localhost:\u0661",
]  # fmt: skip


@pytest.mark.parametrize("origin", GOOD)
def test_programs_of_this_machine_are_allowed_by_default(origin: str) -> None:
    assert parse_origins("").allows(origin)


@pytest.mark.parametrize("origin", BAD)
def test_other_origins_are_refused_by_default(origin: str) -> None:
    assert not parse_origins("").allows(origin)


def test_listed_origins_are_added() -> None:
    rules = parse_origins('"https://*.wild.example, HTTPS://Listed.example,chrome-extension://*,"')
    assert rules.warnings == ()
    for origin in (
        "https://a.wild.example",
        "https://listed.example",
        "chrome-extension://x",
        "http://localhost",
    ):
        assert rules.allows(origin)
    for origin in (
        "https://LISTED.example",
        "https://wild.example",
        "https://evil.example#.wild.example",
        "moz-extension://x",
    ):
        assert not rules.allows(origin)


@pytest.mark.parametrize("entry", ["example.com", "https://*.a.*", "ftp://x"])
def test_a_bad_entry_is_left_out_with_a_warning(entry: str) -> None:
    rules = parse_origins(f"{entry},https://good.example")
    assert entry in rules.warnings[0]
    assert rules.allows("https://good.example")


def test_a_star_allows_everything() -> None:
    rules = parse_origins("*")
    assert rules.any_origin
    assert rules.allows("null")
