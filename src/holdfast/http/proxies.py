"""Which address a client has: that of the connection, unless a proxy that we trust says another."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address, ip_network

from holdfast.http.answer import Header


class Proxies:
    """The proxies whose `X-Forwarded-For` counts, as addresses or networks; usually none."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._networks = [ip_network(each) for each in trusted]
        #: Few proxies ask very often.
        self._is_trusted = lru_cache(maxsize=1024)(self._in_networks)

    def client(self, peer: str, headers: Iterable[Header]) -> str:
        """Return the client's address: the last that is not itself a proxy of ours.

        What stands before that one may be made up, and is not looked at.
        """
        if not self._networks or not self._is_trusted(peer):
            return peer
        given = b",".join(value for name, value in headers if name == b"x-forwarded-for")
        client = peer
        for part in reversed(given.decode("latin-1").split(",")):
            address = part.strip()
            if not _is_address(address):
                return client
            client = address
            if not self._is_trusted(address):
                return client
        return client

    def _in_networks(self, address: str) -> bool:
        return _is_address(address) and any(ip_address(address) in each for each in self._networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
