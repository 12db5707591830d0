import httpcore2
import pytest

from puna.registry.addresses import AddressRefused, ResolvingBackend, is_public

LOCAL = [
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1",
    "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8",
    "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:1::", "not an address", "",
]  # fmt: skip


@pytest.mark.parametrize("address", LOCAL)
def test_an_address_of_the_local_network_is_not_public(address: str):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "104.16.0.1"])
def test_an_address_of_the_internet_is_public(address: str):
    assert is_public(address)


SPELLINGS = ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "::1", "::ffff:127.0.0.1"]  # fmt: skip


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_loopback_passes_the_public_rule(host: str):
    with pytest.raises(httpcore2.ConnectError) as caught:
        await ResolvingBackend(public_only=True).connect_tcp(host, 9, timeout=1)
    assert isinstance(caught.value, AddressRefused) or "no such host" in str(caught.value)


async def test_a_refused_connection_names_the_address_as_go_does(unused_tcp_port: int):
    with pytest.raises(httpcore2.ConnectError) as caught:
        await ResolvingBackend().connect_tcp("127.0.0.1", unused_tcp_port, timeout=5)
    assert str(caught.value) == (
        f"dial tcp 127.0.0.1:{unused_tcp_port}: connect: connection refused"
    )


async def test_an_unknown_host_is_named():
    with pytest.raises(httpcore2.ConnectError, match=r"^dial tcp: lookup no\.such\.invalid: "):
        await ResolvingBackend().connect_tcp("no.such.invalid", 443, timeout=5)
