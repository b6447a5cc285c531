"""What may lie in a folder of data: of an older release, copied from elsewhere, left by a crash."""

import errno
import shutil
from pathlib import Path

import pytest

from holdfast.journal import JournalCorrupt, OsDisk, ReadFailed, create
from holdfast.tenancy.folders import Folders
from tests.support.many_tenants import ManyTenants
from tests.unit.http.world import problem_of
from tests.unit.journal.simulated_disk import SimulatedDisk


async def test_a_folder_of_a_release_without_tenants_opens_as_it_was(tmp_path: Path) -> None:
    async with ManyTenants(tmp_path) as street:
        await street.receive("default", qty=9)
    shutil.rmtree(tmp_path / "system")
    async with ManyTenants(tmp_path) as street:
        assert await street.on_hand("default") == 9
        listed = (await street.client.get("/sys/tenants")).json()["items"]
        assert [tenant["tenantId"] for tenant in listed] == ["default"]


async def test_a_folder_that_lost_its_journal_is_not_covered_by_a_new_one(tmp_path: Path) -> None:
    async with ManyTenants(tmp_path) as street:
        await street.receive("default", qty=9)
    shutil.rmtree(tmp_path / "tenants" / "default" / "journal")
    for lost in ("registered", "of an older release"):
        with pytest.raises(JournalCorrupt):
            async with ManyTenants(tmp_path):
                pytest.fail(lost)
        assert not (tmp_path / "tenants" / "default" / "journal").exists()
        shutil.rmtree(tmp_path / "system")


async def test_a_tenants_folder_can_be_copied_to_another_machine(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    async with ManyTenants(here) as street:
        await street.provision("pizza")
        await street.receive("pizza", qty=6)
        before = (await street.client.get("/events", headers={"x-tenant-id": "pizza"})).json()
    async with ManyTenants(there) as street:
        shutil.copytree(here / "tenants" / "pizza", there / "tenants" / "pizza")
        # Somebody else's domain must not find the copy, whatever is derived from it.
        body = {"name": "Other", "domain": "pizza.other.example"}
        made = (await street.client.post("/sys/provision", json=body)).json()
        assert made["tenantId"] != "pizza"
        assert (await street.provision("pizza")).status_code == 201
        assert await street.on_hand("pizza") == 6
        after = await street.client.get("/events", headers={"x-tenant-id": "pizza"})
        assert after.json() == before
        adopted = [line for line in street.log_lines() if "adopted" in line["event"]]
        assert [line["tenant"] for line in adopted] == ["pizza"]


async def test_a_folder_of_another_tenant_is_not_adopted(tmp_path: Path) -> None:
    async with ManyTenants(tmp_path) as street:
        await street.provision("pizza")
        await street.receive("pizza")
        shutil.copytree(tmp_path / "tenants" / "pizza", tmp_path / "tenants" / "bar")
        problem = problem_of(await street.provision("bar"), 503, "tenant_unavailable")
        assert "belongs to 'pizza'" in problem["detail"]
        read = await street.client.get("/sys/tenants/bar")
        problem_of(read, 404, "not_found")


async def test_a_file_where_a_folder_would_be_is_left_alone_and_costs_only_its_name(
    tmp_path: Path,
) -> None:
    async with ManyTenants(tmp_path) as street:
        file = tmp_path / "tenants" / "pizza"
        file.write_text("notes")
        body = {"name": "Roma", "domain": "pizza.localhost"}
        made = await street.client.post("/sys/provision", json=body)
        assert (made.status_code, made.json()["tenantId"]) == (201, "roma")
        problem = problem_of(await street.provision("pizza"), 503, "tenant_unavailable")
        assert str(file) in problem["detail"]
        assert file.read_text() == "notes"


async def test_a_journal_that_a_crash_left_empty_is_taken_up(tmp_path: Path) -> None:
    create(tmp_path / "tenants" / "pizza" / "journal", "pizza", OsDisk())
    async with ManyTenants(tmp_path) as street:
        unknown = [line["tenant"] for line in street.log_lines() if "no tenant" in line["event"]]
        assert unknown == ["pizza"]
        body = {"name": "Pizza", "domain": "pizza.localhost"}
        made = await street.client.post("/sys/provision", json=body)
        assert made.json()["tenantId"] == "pizza"
        assert (await street.receive("pizza")).status_code == 200


@pytest.mark.parametrize("folder", ["state", "journal"])
def test_a_folder_that_cannot_be_listed_is_told_as_a_failure_to_read(folder: str) -> None:
    class Unlisted(SimulatedDisk):
        def files_in(self, folder_: Path) -> list[str]:
            if folder_.name == folder:
                raise OSError(errno.EIO, "the disk failed", str(folder_))
            return super().files_in(folder_)

    disk = Unlisted()
    disk.put(Path("/data/system/state/MANIFEST.json"), b"")
    with pytest.raises(ReadFailed, match="disk failed"):
        Folders(Path("/data"), disk).make_system()
    disk.put(Path("/data/tenants/pizza/journal/x.log"), b"")
    with pytest.raises(ReadFailed, match="disk failed"):
        Folders(Path("/data"), disk).is_free("pizza")
