"""Laws of the small readers: bodies, queries, cursors, addresses."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.rejections import Rejected
from holdfast.http.body import DEPTH_MAX, parse_json
from holdfast.http.paths import rewrite
from holdfast.http.query import CURSOR, cursor_key, cursor_text, read_query

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
COLONS = st.text('":\\ {}ab', max_size=8)
SCALAR = st.one_of(st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), TEXT, COLONS)
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(TEXT, COLONS), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(VALUE, st.sampled_from([None, 1]), st.sampled_from([(",", ":"), (" , ", " : ")]))
def test_every_value_without_duplicates_is_read(
    value: Any, indent: int | None, separators: tuple[str, str]
) -> None:
    text = json.dumps(value, indent=indent, separators=separators)
    assert parse_json(text.encode()) == value


@given(
    st.dictionaries(st.one_of(TEXT, COLONS), SCALAR, min_size=1, max_size=5),
    st.data(),
    st.integers(0, 5),
)
def test_a_key_given_twice_is_refused_wherever_it_stands(
    members: dict[str, Any], data: st.DataObject, depth: int
) -> None:
    again = data.draw(st.sampled_from(sorted(members)))
    pairs = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in members.items()]
    place = data.draw(st.integers(0, len(pairs)))
    pairs.insert(place, f"{json.dumps(again)}:{json.dumps(data.draw(SCALAR))}")
    text = '{"in":[' * depth + "{" + ",".join(pairs) + "}" + "]}" * depth
    with pytest.raises(Rejected, match="twice"):
        parse_json(text.encode())


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_thirty_two_levels_are_read_and_one_more_is_refused(opening: str) -> None:
    closing = {"[": "]", '{"a":': "}"}[opening]

    def text(depth: int) -> bytes:
        return (opening * depth + "1" + closing * depth).encode()

    parse_json(text(DEPTH_MAX))
    with pytest.raises(Rejected, match="32 levels"):
        parse_json(text(DEPTH_MAX + 1))


@given(st.lists(TEXT, min_size=2, max_size=2))
def test_a_cursor_comes_back_as_it_was_given(key: list[str]) -> None:
    text = cursor_text(*key)
    assert cursor_key(CURSOR.read("cursor", text), 2) == tuple(key)


@given(st.text(max_size=40))
def test_no_cursor_text_does_harm(text: str) -> None:
    with suppress(Rejected):
        assert len(cursor_key(CURSOR.read("cursor", text), 2) or ()) == 2


@given(st.binary(max_size=40))
def test_no_query_does_harm(query: bytes) -> None:
    with suppress(Rejected):
        assert read_query(query, {}) == {}


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/stock", "/stock"),
        ("/api/stock", "/stock"),
        ("/api/v1/stock", "/stock"),
        ("/api/v1", "/"),
        ("/api", "/"),
        ("/api/v12/stock", "/v12/stock"),
        ("/apis/stock", "/apis/stock"),
        ("/api/api/stock", "/api/stock"),
        ("/api/v1/api/v1/stock", "/api/v1/stock"),
        ("/api/inventory/stores/S/inventory/A", "/stores/S/inventory/A"),
        ("/api/inventory/stores", "/inventory/stores"),
        ("/inventory/A", "/inventory/A"),
        ("/", "/"),
    ],
)
def test_one_rule_takes_the_prefix_away(path: str, canonical: str) -> None:
    assert rewrite(path, path.encode()) == canonical
    assert rewrite(path, None) == canonical


def test_an_encoded_slash_stays_inside_its_segment() -> None:
    assert rewrite("/stores/../x", b"/stores/..%2Fx") == "/stores/..%2Fx"
    assert rewrite("/stores/S 1", b"/stores/S%201") == "/stores/S 1"
