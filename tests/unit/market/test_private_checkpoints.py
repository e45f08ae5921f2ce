"""States of private jobs: as large as the bid reserves, whatever encrypting adds to each of their files."""

import pytest

from marketplace.client.age import seal
from marketplace.errors import TooLarge
from marketplace.protocol.jobspec import Checkpointing
from marketplace.protocol.units import BYTES_PER_MB
from tests.unit.market.test_checkpoints import save
from tests.unit.market.test_private_jobs import PrivateWorld


class SavingWorld(PrivateWorld):
    """Its private jobs save their state in `state`."""

    def job_spec(self):
        return super().job_spec().model_copy(update={"checkpoint": Checkpointing(directory="state")})


@pytest.fixture
def world(tmp_path) -> SavingWorld:
    made = SavingWorld(tmp_path)
    made.make()
    return made


def sealed(world, sizes) -> dict[str, bytes]:
    return {f"out/state/{n}": seal(bytes(size), world.job_key.recipient) for n, size in enumerate(sizes)}


def test_a_private_state_may_be_as_large_in_the_clear_as_the_bid_reserves(world):
    lease = world.open_lease()
    reserved = world.bid().egress_mb * BYTES_PER_MB
    files = sealed(world, [9_000] * 110 + [reserved - 110 * 9_000 - 9_000, 9_000])
    assert sum(map(len, files.values())) > reserved
    assert save(world, lease, files)


def test_a_private_state_that_is_larger_is_refused_as_any_is(world):
    lease = world.open_lease()
    with pytest.raises(TooLarge, match="checkpoint"):
        save(world, lease, sealed(world, [9_500] * 200))
