import socket

import pytest

from puna.config.network import Address
from puna.errors import AddressInUse, InvalidInput
from puna.server.sockets import listen


def test_the_loopback_is_bound_in_both_families() -> None:
    sockets = listen(Address(port=0))
    ports = {bound.getsockname()[1] for bound in sockets}
    families = {bound.family for bound in sockets}
    for bound in sockets:
        bound.close()
    assert len(ports) == 1
    assert socket.AF_INET in families


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(AddressInUse, match=f"127.0.0.1:{port}") as caught:
            listen(Address(port=port))
    assert caught.value.port == port


def test_an_address_of_another_machine_cannot_be_bound() -> None:
    with pytest.raises(InvalidInput, match="cannot listen on"):
        listen(Address(host="192.0.2.1", port=0))
