"""Whatever oracles do in whatever order: no verdict is told before enough agree, and nothing but seals decides."""

from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.errors import ConflictError
from marketplace.services.seal_verdicts import advance_judgements
from marketplace.services.settle_batch import propose_batches
from marketplace.services.show_lease import show_lease
from marketplace.services.show_oracles import show_seals
from tests.fakes.world import ORACLES, OTHER_RULES, World
from tests.unit.market.sealing import everything_shown

THRESHOLD = 2
PAYS = (4_001, 4_003)
"""Of verdicts that differ; no other number of the market's has these digits."""
acts = st.tuples(st.sampled_from(["seal", "reveal", "lie", "wait"]), st.integers(0, 2), st.integers(0, 1))


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.lists(acts, min_size=4, max_size=12))
def test_no_sequence_shows_a_verdict_early_or_settles_what_was_not_sealed(tmp_path_factory, sequence):
    world = World(tmp_path_factory.mktemp("world"), OTHER_RULES)
    lease_id = world.open_lease()
    world.attest(lease_id)
    sealed, told = {}, {}
    for act, which, pay in sequence:
        oracle, verdict = ORACLES[which], world.verdict(lease_id, pay=PAYS[pay])
        is_open = show_seals(world.market, lease_id)["openedAt"] is not None
        try:
            if act == "seal":
                world.seal(oracle, verdict)
                assert sealed.setdefault(which, pay) == pay, "sealed once"
            elif act == "wait":
                world.chain.mine(seconds=3)
                advance_judgements(world.market)
            else:
                told_pay = sealed.get(which, 0) if act == "reveal" else 1 - sealed.get(which, 1)
                world.reveal(oracle, world.verdict(lease_id, pay=PAYS[told_pay]))
                assert is_open and sealed[which] == told_pay, "only what was sealed opens a seal, once seals are open"
                told[which] = told_pay
        except ConflictError:
            assert act != "wait"
        propose_batches(world.market)
        agreed = [pay for pay in (0, 1) if list(told.values()).count(pay) >= THRESHOLD]
        shown = everything_shown(world, lease_id)
        assert any(str(pay) in shown for pay in PAYS) == bool(agreed)
        assert len(show_lease(world.market, lease_id)["verdicts"]) == (len(told) if agreed else 0)
