from __future__ import annotations

import pytest

from puna.client.address import connect_url, is_loopback


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("[::1]:80", "http://[::1]:80"),
        ("https://example.com", "https://example.com:443"),
        ("http://h:1/path/", "http://h:1/path"),
    ],
)
def test_a_client_connects_to_where_the_server_can_be_reached(setting: str, url: str) -> None:
    assert connect_url(setting) == url


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost"])
def test_a_local_address_is_asked_without_a_proxy(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize("url", ["http://10.0.0.1", "https://example.com", "nonsense"])
def test_another_machine_is_not_local(url: str) -> None:
    assert not is_loopback(url)
