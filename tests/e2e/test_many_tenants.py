"""Memory and files follow the tenants at work, not those that there are; `bench` has the figures."""

from pathlib import Path

from bench.many_tenants import measure

TENANTS, ACTIVE = 40, 5
#: The newest segment and the watermark.
FILES_PER_TENANT = 2


def test_files_and_threads_follow_the_tenants_at_work(tmp_path: Path) -> None:
    seen = measure(tmp_path, TENANTS, ACTIVE, 20, print)
    assert seen.started.open_tenants == 1, "the default one"
    assert seen.at_work.open_tenants - seen.started.open_tenants <= ACTIVE
    # Whoever was asked first may have been closed by now, on a machine that is busy elsewhere.
    for standing in (seen.at_work, seen.more_at_work):
        opened = standing.open_tenants - seen.started.open_tenants
        assert opened > 0
        assert standing.files - seen.started.files <= FILES_PER_TENANT * opened
    assert seen.idle_again.open_tenants == 0
    assert seen.idle_again.files == seen.started.files - FILES_PER_TENANT
    assert seen.idle_again.threads <= seen.started.threads + 4, "those of the pool stay"
