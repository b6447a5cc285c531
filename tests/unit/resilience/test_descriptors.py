"""As many connections as the operating system allows, and no more."""

import resource

import pytest

from holdfast.resilience.descriptors import connections_allowed

INFINITY = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("limits", "wanted", "allowed", "raised"),
    [
        ((1024, 4096), 10_000, 4096 - 256, (4096, 4096)),
        ((1024, INFINITY), 10_000, 10_000, (10_256, INFINITY)),
        ((20_000, 20_000), 10_000, 10_000, None),
        ((1024, 1024), 10_000, 768, None),
        ((100, 100), 10, 1, None),
        ((INFINITY, INFINITY), 10, 10, None),
    ],
)
def test_the_limit_is_raised_as_far_as_it_may_be(
    limits: tuple[int, int],
    wanted: int,
    allowed: int,
    raised: tuple[int, int] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_to: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: set_to.append(both))
    assert connections_allowed(wanted) == allowed
    assert set_to == ([] if raised is None else [raised])
