"""Verifying a folder with many tenants, and the journal that says which there are."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from holdfast.verify.command import verify_folder
from holdfast.verify.differences import DIFFERENT
from tests.support.many_tenants import ManyTenants


@pytest.fixture
async def data_dir(tmp_path: Path) -> Path:
    async with ManyTenants(tmp_path) as street:
        for name in ("bar", "pizza"):
            await street.provision(name, theme={"primary": name})
            await street.receive(name)
        await street.client.delete("/sys/tenants/bar")
    return tmp_path


def verified(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    code = verify_folder(data_dir, None, None, as_json=True)
    return code, json.loads(capsys.readouterr().out)


def test_all_tenants_and_the_system_journal_are_verified(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = verified(data_dir, capsys)
    assert (code, told["equal"]) == (0, True)
    assert [each["tenant"] for each in told["tenants"]] == ["default", "pizza"]
    assert told["system"]["events"] == 5, "default, two made, one deleted, moved"
    assert told["system"]["records"] > 0


def test_a_tenant_that_is_registered_without_a_journal_is_a_difference(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(data_dir / "tenants" / "pizza")
    code, told = verified(data_dir, capsys)
    assert code == DIFFERENT
    assert {each["tenant"]: each["equal"] for each in told["tenants"]} == {
        "default": True,
        "pizza": False,
    }


def test_an_edited_system_journal_is_a_difference(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = min((data_dir / "system" / "journal").glob("*.log"))
    path.write_bytes(path.read_bytes().replace(b'"pizza.example"', b'"pizzb.example"'))
    code, told = verified(data_dir, capsys)
    assert code == DIFFERENT
    assert not told["system"]["equal"]
