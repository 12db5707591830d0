import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.server.routing import RouteTable, hides_segments, to_clean_path

TABLE = RouteTable(
    [
        ("/", ["GET"]),
        ("/", ["HEAD"]),
        ("/api/tags", ["GET", "HEAD"]),
        ("/api/chat", ["POST"]),
        ("/api/blobs/{digest}", ["POST"]),
        ("/api/blobs/{digest}", ["HEAD"]),
        ("/v1/models", ["GET"]),
        ("/v1/models/{model:path}", ["GET"]),
    ]
)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/", ("HEAD", "GET")),
        ("/api/tags", ("HEAD", "GET")),
        ("/api/blobs/sha256:0", ("HEAD", "POST")),
        ("/api/blobs/a/b", ()),
        ("/v1/models/a/b:c", ("GET",)),
        ("/API/TAGS", ()),
        ("/nope", ()),
    ],
)
def test_methods_of_a_path(path: str, methods: tuple[str, ...]) -> None:
    assert TABLE.methods(path) == methods


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/tags/", (301, "/api/tags")),
        ("HEAD", "/api/tags/", (307, "/api/tags")),
        ("POST", "/api/chat/", (307, "/api/chat")),
        ("GET", "/v1/models/", (301, "/v1/models")),
        ("GET", "/v1/models/gt/", (301, "/v1/models/gt")),
        ("GET", "/api/chat/", None),
        ("OPTIONS", "/api/tags/", None),
        ("GET", "/nope/", None),
        ("GET", "/", None),
        ("GET", "/api/tags", None),
    ],
)
def test_a_trailing_slash_leads_to_the_route(
    method: str, path: str, expected: tuple[int, str] | None
) -> None:
    found = TABLE.without_slash(method, path, b"")
    assert (found and (found.status, found.location)) == expected


def test_a_redirect_keeps_the_query_and_says_where_in_html() -> None:
    found = TABLE.without_slash("GET", "/api/tags/", b"a=b&c=<")
    assert found is not None
    assert found.location == "/api/tags?a=b&c=<"
    assert found.body == b'<a href="/api/tags?a=b&amp;c=&lt;">Moved Permanently</a>.\n\n'


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("//api//version", "/api/version"),
        ("/api/x/../version", "/api/version"),
        ("/./api/", "/api/"),
        ("/../../etc", "/etc"),
        ("/api/version", None),
        ("/", None),
    ],
)
def test_doubled_slashes_and_dot_segments_are_cleaned(path: str, location: str | None) -> None:
    found = to_clean_path(path, b"")
    assert (found and found.location) == location


@given(st.text(min_size=1))
def test_a_redirect_never_leaves_the_server(path: str) -> None:
    found = to_clean_path("/" + path, b"")
    if found is not None:
        assert found.location.startswith("/")
        assert not found.location.startswith(("//", "/\\"))
        assert found.location.isprintable()
        assert "\n" not in found.location


def test_encoded_dot_segments_are_recognised() -> None:
    assert hides_segments("/api/blobs/../x", "/api/blobs/..%2fx")
    assert hides_segments("/api/..", "/api/%2e%2e")
    assert not hides_segments("/api/../x", "/api/../x")
    assert not hides_segments("/api/version", "/api%2Fversion")
