"""What schemathesis cannot know from `openapi.yaml`; it imports this before it begins."""

import base64
import json
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import (
    Case,
    DeserializationContext,
    GenerationMode,
    HookContext,
    Response,
    SerializationContext,
)
from schemathesis.core import NotSet
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.openapi.checks import RejectedPositiveData

from holdfast.domain.values import INSTANT_MAX_MS, QUANTITY_MAX, instant_text
from holdfast.http.routes import ENDPOINTS

NDJSON = ("application/x-ndjson", "application/ndjson")
_BODY_OPTIONAL = {each.path for each in ENDPOINTS if each.body_optional}

# Formats that the description names, and what they hold.
schemathesis.openapi.format("printable", st.text(min_size=1, max_size=128).filter(str.isprintable))
schemathesis.openapi.format("date-time", st.integers(0, INSTANT_MAX_MS).map(instant_text))
#: Versions that records come to have; with any other all that is seen is a conflict.
_LIKELY = {"*", *map(str, range(20))}


@schemathesis.serializer(*NDJSON)
def write_row(_: SerializationContext, row: Any) -> bytes:
    """Write one row; the schema of a batch's body is that of a line."""
    return json.dumps(row).encode()


@schemathesis.deserializer(*NDJSON)
def read_row(_: DeserializationContext, answer: Response) -> Any:
    """Read the answer to one row."""
    (line,) = answer.content.splitlines()
    return json.loads(line)


@schemathesis.hook
def filter_failure(_: HookContext, failure: Failure, case: Case[Any], answer: Response) -> bool:
    """Drop what is none: a bad body that was left out where it may be, a shelf that is full."""
    if isinstance(failure, AcceptedNegativeData):
        return not (isinstance(case.body, NotSet) and case.path in _BODY_OPTIONAL)
    if isinstance(failure, RejectedPositiveData):
        # Each quantity is in range, and what it would add up to is not.
        return f"would exceed {QUANTITY_MAX}." not in answer.text
    return True


@schemathesis.hook
def map_case(_: HookContext, case: Case[Any]) -> Case[Any]:
    """Hold a good request to what the description says in words only."""
    if isinstance(case.query.get("wait"), int):
        case.query["wait"] = min(case.query["wait"], 1)  # a search has no time for more
    if case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE:
        _settle_query(case.query)
        if case.headers.get("If-Match", "*").strip('W/"') not in _LIKELY:
            case.headers["If-Match"] = "*"
        case.body = _settle_body(case.body, "If-Match" in case.headers)
    return case


def _settle_query(query: dict[str, Any]) -> None:
    """A cursor comes out of an answer, and stands for `after`; the past begins with event 1."""
    if "asOf" in query:
        query["asOf"] = "1"
        query.pop("lowStock", None)
    if "cursor" in query and not _was_given(query["cursor"]):
        del query["cursor"]
    if "cursor" in query:
        query.pop("after", None)


def _was_given(cursor: Any) -> bool:
    try:
        return isinstance(json.loads(base64.urlsafe_b64decode(f"{cursor}===")), list)
    except ValueError:
        return False


def _settle_body(body: Any, has_if_match: bool) -> Any:
    """Name one likely version once, two stores, and a time to come; write no fractions."""
    body = _whole(body)
    if isinstance(body, dict):
        if has_if_match or str(body.get("expectedVersion", 0)) not in _LIKELY:
            body.pop("expectedVersion", None)
        if "toStoreId" in body and body["toStoreId"] == body.get("fromStoreId"):
            body["toStoreId"] = "ELSEWHERE"
        if body.get("until") is not None:
            body["until"] = "2999-12-31T00:00:00Z"
    return body


def _whole(value: Any) -> Any:
    """To JSON Schema 2.0 is an integer; to a shop it is a quantity that somebody calculated."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    return value
