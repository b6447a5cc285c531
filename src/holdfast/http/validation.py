"""What is wrong with an input, said so that a shop clerk understands it."""

from collections.abc import Callable
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from holdfast.domain.rejections import Rejected
from holdfast.http.headers import ID_RULE

_ERRORS_MAX: Final = 50

_Context = dict[str, Any]

_SENTENCES: Final[dict[str, Callable[[str, _Context], str]]] = {
    "missing": lambda name, _: f"{name} is missing.",
    "extra_forbidden": lambda name, _: f"There is no field {name!r} here.",
    "int_type": lambda name, _: f"{name} must be a whole number.",
    "bool_type": lambda name, _: f"{name} must be true or false.",
    "string_type": lambda name, _: f"{name} must be text.",
    "list_type": lambda name, _: f"{name} must be a list.",
    "model_type": lambda name, _: f"{name} must be a JSON object.",
    "dict_type": lambda name, _: f"{name} must be a JSON object.",
    "greater_than_equal": lambda name, context: f"{name} must be at least {context['ge']}.",
    "less_than_equal": lambda name, context: f"{name} must be at most {context['le']}.",
    "string_too_short": lambda name, _: f"{name} must not be empty.",
    "string_too_long": lambda name, c: f"{name} must have at most {c['max_length']} characters.",
    "too_short": lambda name, context: f"{name} needs at least {context['min_length']} entry.",
    "too_long": lambda name, context: f"{name} may have at most {context['max_length']} entries.",
    "literal_error": lambda name, context: f"{name} must be {context['expected']}.",
    "value_error": lambda _, context: str(context["error"]),
    "string_pattern_mismatch": lambda name, _: f"{name} {ID_RULE}",
}


def refused(error: ValidationError) -> Rejected:
    """Turn what the models found into one refusal that names every error."""
    errors = [describe(each) for each in error.errors(include_url=False)[:_ERRORS_MAX]]
    detail = " ".join(each["detail"] for each in errors[:3])
    more = error.error_count() - 3
    if more > 0:
        detail = f"{detail} And {more} more."
    return Rejected("validation_error", detail, {"errors": errors})


def describe(error: ErrorDetails) -> dict[str, str]:
    """Say one error, with a JSON pointer to its place."""
    loc = error["loc"]
    name = str(loc[-1])[:64] if loc else "The body"
    sentence = _SENTENCES.get(error["type"])
    detail = (
        f"{name}: {error['msg']}." if sentence is None else sentence(name, error.get("ctx", {}))
    )
    return {"pointer": "".join(f"/{_escaped(part)}" for part in loc), "detail": detail}


def _escaped(part: str | int) -> str:
    return str(part)[:64].replace("~", "~0").replace("/", "~1")
