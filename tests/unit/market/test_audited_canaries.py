"""A canary whose job has a rate of audits: who left it unrun by a valid draw is not accused."""

import pytest

from marketplace.domain.seals import FaultKind
from marketplace.errors import ConflictError
from marketplace.protocol.audits import Audit, Draw, is_drawn
from marketplace.protocol.canaries import canary_seed
from marketplace.protocol.jobspec import Determinism
from marketplace.services.show_oracles import list_faults
from tests.fakes.world import AGENT, DOMAIN, ORACLES, OTHER_RULES, RENTER, World
from tests.unit.market.sealing import FIRST, SECOND, THIRD
from tests.unit.market.test_audits import RATE, draw_all, draw_of, seal
from tests.unit.market.test_canaries import LIE, SALT, settle, show


@pytest.fixture
def world(tmp_path) -> World:
    """A market where every job is a canary with a rate of audits."""
    world = World(tmp_path, OTHER_RULES)
    seed = canary_seed(AGENT.address, RENTER.address, SALT)
    changes = {"determinism": Determinism(seed=seed), "audit": Audit(rate_ppm=RATE)}
    plain = world.job_spec()
    world.job_spec = lambda: plain.model_copy(update=changes)
    return world


@pytest.fixture
def lease_id(world) -> str:
    lease_id = world.open_lease()
    world.attest(lease_id, LIE)
    return lease_id


def test_who_signed_for_a_lie_that_was_not_drawn_is_not_accused(world, lease_id):
    draw_all(world, lease_id, drawn=False)
    settle(world, lease_id, careless=[FIRST, SECOND, THIRD])
    with pytest.raises(ConflictError, match="convicts nobody"):
        show(world, lease_id)
    assert list_faults(world.market, oracle=None, kinds=(FaultKind.CARELESS,), cursor=None, limit=9)["faults"] == []


def test_where_the_draw_is_not_complete_nobody_is_accused(world, lease_id):
    seal(world, lease_id, ORACLES[0])
    settle(world, lease_id, careless=[FIRST, SECOND, THIRD])
    with pytest.raises(ConflictError, match="convicts nobody"):
        show(world, lease_id)


def test_who_signed_for_a_lie_that_was_drawn_is_careless_and_the_evidence_has_the_draw(world, lease_id):
    draw_all(world, lease_id, drawn=True)
    settle(world, lease_id, careless=[FIRST], diligent=[SECOND, THIRD])
    assert show(world, lease_id) == [FIRST.address]
    (fault,) = list_faults(world.market, oracle=None, kinds=(FaultKind.CARELESS,), cursor=None, limit=9)["faults"]
    draw = Draw(DOMAIN, world.chain.committee().members, lease_id, draw_of(world, lease_id).attestation)
    assert is_drawn(draw.read(fault["evidence"]["audit"]), RATE)
