"""Settings for a command: what the environment says, and what was typed above it."""

from typing import TYPE_CHECKING, Any

from holdfast.importer.errors import CONFIG, USAGE, CommandFailed

if TYPE_CHECKING:
    from pydantic import ValidationError

    from holdfast.settings import Settings


def load_settings(given: dict[str, Any]) -> "Settings":
    """Read the environment, with some settings given.

    Raises:
        CommandFailed: a setting makes no sense; each is named.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - slow to import

    from holdfast.settings import NOT_PROTECTED, Settings  # noqa: PLC0415 - brings pydantic

    try:
        return Settings(**given)
    except ValidationError as error:
        kinds = {each["type"] for each in error.errors(include_url=False)}
        code = CONFIG if NOT_PROTECTED in kinds else USAGE
        raise CommandFailed(_sentences(error), code) from None


def _sentences(error: "ValidationError") -> str:
    said = []
    for wrong in error.errors(include_url=False):
        message = wrong["msg"].removeprefix("Value error, ").rstrip(".")
        name = str(wrong["loc"][0]).upper() if wrong["loc"] else ""
        said.append(f"{name} is {wrong['input']!r}: {message}." if name else f"{message}.")
    return " ".join(said)
