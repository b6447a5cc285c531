"""A tenant that cannot be opened: it says what to do, and harms no other."""

import asyncio
import shutil
from pathlib import Path
from typing import Final

import httpx2

from tests.support.many_tenants import ManyTenants
from tests.unit.http.world import problem_of

PIZZA: Final = {"x-tenant-id": "pizza"}


def damage(folder: Path) -> None:
    """Destroy an event of a tenant that later ones prove."""
    newest = max((folder / "journal").glob("*.log"))
    content = bytearray(newest.read_bytes())
    at = content.index(b'"eventId"')
    content[at] ^= 1
    newest.write_bytes(bytes(content))
    shutil.rmtree(folder / "state", ignore_errors=True)


async def test_a_corrupt_tenant_says_what_to_do_and_harms_no_other(tmp_path: Path) -> None:
    async with ManyTenants(tmp_path) as street:
        await street.provision("pizza")
        for _ in range(3):
            await street.receive("pizza")
    whole = tmp_path / "whole"
    shutil.copytree(tmp_path / "tenants" / "pizza", whole)
    damage(tmp_path / "tenants" / "pizza")
    async with ManyTenants(tmp_path) as street:
        for _ in range(2):
            problem = problem_of(await street.receive("pizza"), 503, "tenant_unavailable")
            assert "holdfast verify --tenant pizza" in problem["detail"]
            assert str(tmp_path) not in problem["detail"], "paths are for the log"
        ready = await street.client.get("/health/readiness")
        assert ready.status_code == 200
        assert ready.json()["breakers"]["journal:pizza"] == "open"
        errors = [line for line in street.log_lines() if line["level"] == "error"]
        assert {line["tenant"] for line in errors} == {"pizza"}
        assert (await street.receive("default")).status_code == 200
        assert (await street.provision("other")).status_code == 201
        shutil.rmtree(tmp_path / "tenants" / "pizza")
        shutil.copytree(whole, tmp_path / "tenants" / "pizza")

        async def healed() -> httpx2.Response:
            while (answer := await street.receive("pizza")).status_code != 200:
                problem_of(answer, 503, "tenant_unavailable")
                await asyncio.to_thread(int)
            return answer

        assert (await healed()).json()["onHand"] == 4
        assert street.registry.breakers()["journal:pizza"] == "closed"


async def test_a_tenant_without_its_journal_is_corrupt_and_gets_no_new_one(
    tmp_path: Path,
) -> None:
    async with ManyTenants(tmp_path) as street:
        await street.provision("pizza")
    shutil.rmtree(tmp_path / "tenants" / "pizza")
    async with ManyTenants(tmp_path) as street:
        problem_of(await street.receive("pizza"), 503, "tenant_unavailable")
        problem_of(
            await street.client.get("/store/config", headers=PIZZA), 503, "tenant_unavailable"
        )
        assert (await street.provision("pizza")).status_code == 200, "it is registered"
        assert not (tmp_path / "tenants" / "pizza").exists()
        assert (await street.client.delete("/sys/tenants/pizza")).status_code == 200
        assert (await street.provision("pizza")).status_code == 201
        assert (await street.receive("pizza")).status_code == 200
