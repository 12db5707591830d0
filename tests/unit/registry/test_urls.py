import httpx2
import pytest

from puna.errors import RegistryError
from puna.registry.urls import add_query, port_of, resolve, same_origin


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("https://h/a", "https://H:443/b", True),
        ("http://h", "http://h:80", True),
        ("http://h", "https://h", False),
        ("https://h", "https://h:444", False),
        ("https://h", "https://h.evil", False),
        ("https://h:5000", "https://h:5000/x?y", True),
    ],
)
def test_an_origin_is_scheme_host_and_port(left: str, right: str, same: bool):
    assert same_origin(httpx2.URL(left), httpx2.URL(right)) is same


def test_the_port_of_a_scheme_is_known():
    assert (port_of(httpx2.URL("https://h")), port_of(httpx2.URL("http://h"))) == (443, 80)


def test_query_parameters_are_sorted_and_encoded_as_go_does():
    url = httpx2.URL("http://h/u/1?step=1&_state=a%3D")
    added = add_query(url, [("digest", "sha256:ab"), ("etag", "x-1"), ("from", "a/b")])
    assert str(added) == "http://h/u/1?_state=a%3D&digest=sha256%3Aab&etag=x-1&from=a%2Fb&step=1"


@pytest.mark.parametrize(
    ("source", "location", "target"),
    [
        ("http://h/a/b", "/c?d=1", "http://h/c?d=1"),
        ("http://h/a/b", "https://other/c", "https://other/c"),
        ("https://h/a", "https://user:pass@cdn/c#x", "https://cdn/c"),
        ("https://h/a", "//cdn:8443/c", "https://cdn:8443/c"),
    ],
)
def test_a_location_is_resolved_without_login_and_fragment(source: str, location: str, target: str):
    assert str(resolve(httpx2.URL(source), location)) == target


@pytest.mark.parametrize(
    "location", ["http://cdn/c", "ftp://cdn/c", "file:///etc/passwd", "http://[::1", "gopher:x"]
)  # fmt: skip
def test_a_location_that_is_no_safe_address_is_refused(location: str):
    with pytest.raises(RegistryError):
        resolve(httpx2.URL("https://h/a"), location)
