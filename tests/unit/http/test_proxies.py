"""Whose word counts about where a request came from."""

import pytest

from holdfast.http.proxies import Proxies


def client(trusted: tuple[str, ...], peer: str, *forwarded: str) -> str:
    headers = [(b"x-forwarded-for", each.encode("latin-1")) for each in forwarded]
    return Proxies(trusted).client(peer, headers)


def test_without_a_list_nobodys_word_counts() -> None:
    assert client((), "10.0.0.7", "1.2.3.4") == "10.0.0.7"


def test_a_stranger_cannot_say_that_it_is_somebody_else() -> None:
    assert client(("10.0.0.0/8",), "1.2.3.4", "9.9.9.9") == "1.2.3.4"


@pytest.mark.parametrize(
    ("forwarded", "found"),
    [
        (("1.2.3.4",), "1.2.3.4"),
        (("9.9.9.9, 1.2.3.4",), "1.2.3.4"),
        (("9.9.9.9, 1.2.3.4, 10.0.0.9",), "1.2.3.4"),
        (("9.9.9.9", "1.2.3.4"), "1.2.3.4"),
        (("10.0.0.8, 10.0.0.9",), "10.0.0.8"),
        (("2001:db8::1",), "2001:db8::1"),
        (("1.2.3.4, unknown",), "10.0.0.7"),
        (("1.2.3.4, \xff",), "10.0.0.7"),
        (("",), "10.0.0.7"),
        ((), "10.0.0.7"),
    ],
)
def test_the_last_address_that_is_no_proxy_of_ours_is_the_clients(
    forwarded: tuple[str, ...], found: str
) -> None:
    assert client(("10.0.0.0/8",), "10.0.0.7", *forwarded) == found
