"""Users made on a folder: what is refused is one sentence, and makes nobody."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from holdfast import cli

PASSWORD = "correct horse battery"


@pytest.mark.parametrize(
    ("arguments", "said", "why"),
    [
        (("user", "add", "ada", "--role", "boss"), PASSWORD, "There is no role boss"),
        (("user", "add", "a b", "--role", "admin"), PASSWORD, "A name has 1 to 64 letters"),
        (("user", "add", "ada", "--role", "admin"), "short", "at least 8 characters"),
        (("user", "add", "ada", "--role", "admin"), "", "at least 8 characters"),
        (("user", "disable", "ada"), "", "There is no user ada"),
        (
            ("user", "add", "ada", "--role", "operator", "--tenant", "pizza"),
            PASSWORD,
            "There is no tenant pizza",
        ),
        (("token", "node-1"), "", "Tokens need AUTH_MODE=jwt"),
    ],
)
def test_what_cannot_be_a_user_is_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], said: str, why: str
) -> None:
    environment = {"DATA_DIR": str(tmp_path), "AUTH_MODE": "off"}
    told = CliRunner().invoke(cli.app, arguments, env=environment, input=f"{said}\n")
    assert (told.exit_code, told.stdout) == (65, "")
    assert why in told.stderr
    assert len(told.stderr.splitlines()) == 1
