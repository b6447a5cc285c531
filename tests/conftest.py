"""What every kind of test may use. Fixtures of one kind live in that folder's own conftest."""

import os
import random
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"

# A slow machine is not a broken program, so examples have no deadline; a failing example
# prints the line that brings it back.
hypothesis.settings.register_profile("holdfast", deadline=None, print_blob=True)
# For `scripts/mutants`: the same few draws for every mutant, however busy the machine is.
hypothesis.settings.register_profile(
    "mutants",
    parent=hypothesis.settings.get_profile("holdfast"),
    database=None,
    derandomize=True,
    max_examples=25,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("holdfast")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--seed`, which repeats what tests drew at random, and what bounds long searches."""
    parser.addoption("--seed", type=int, default=None, help="the seed of tests that use one")
    parser.addoption("--workers", type=int, default=1, help="processes of a campaign that has some")
    parser.addoption(
        "--minutes", type=float, default=None, help="when such a campaign ends at last"
    )


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """A seed: the one given with `--seed`, else a new one; printed where a test fails."""
    given: int | None = request.config.getoption("--seed")
    drawn = random.SystemRandom().randrange(2**32) if given is None else given
    print(f"again with: --seed {drawn}")
    return drawn


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets beside the checkout.

    A developer without it sees a skip; in CI its absence fails, because a check that
    quietly stops running there would be missed by everyone.
    """
    if SHARED_DATA.is_dir():
        return SHARED_DATA
    message = f"the public data sets are not here: {SHARED_DATA}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{message} (CI must have them)")
    pytest.skip(message)
