"""How a command ends when it cannot do its work: one sentence and an exit code of sysexits.h."""

from typing import Final

USAGE: Final = 64
BAD_DATA: Final = 65
UNAVAILABLE: Final = 69
TRY_AGAIN: Final = 75
CONFIG: Final = 78


class CommandFailed(Exception):
    """A command cannot go on; the message is for the person who typed it."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def bad_data(message: str) -> CommandFailed:
    """Fail because of what a file holds."""
    return CommandFailed(message, BAD_DATA)


def usage(message: str) -> CommandFailed:
    """Fail because of how the command was called."""
    return CommandFailed(message, USAGE)
