"""How our own clients sign in."""

import pytest

from holdfast.bearer import bearer
from holdfast.importer import api
from holdfast.verify import server


def test_the_token_of_the_environment_is_sent_and_none_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HOLDFAST_TOKEN", raising=False)
    assert bearer() == {}
    monkeypatch.setenv("HOLDFAST_TOKEN", " a.b.c\n")
    assert bearer() == {"Authorization": "Bearer a.b.c"}
    url = "http://127.0.0.1:3000"
    for client in (api.connect(url), server.connect(url, "default")):
        with client:
            assert client.headers["authorization"] == "Bearer a.b.c"
