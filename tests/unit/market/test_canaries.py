"""Canaries: an oracle that signs for a planted lie stands in the record, with what convinces anybody else."""

import pytest

from marketplace.api.app import build_app
from marketplace.client import MarketClient
from marketplace.domain.seals import FaultKind
from marketplace.errors import ConflictError, InvalidSignature, MalformedMessage, NotFound
from marketplace.protocol.canaries import CanaryOpening, canary_seed
from marketplace.protocol.enums import Verification
from marketplace.protocol.jobspec import Determinism, JobSpec
from marketplace.protocol.messages import Attestation, VerdictReveal, VerdictSeal
from marketplace.services.clear_round import run_round
from marketplace.services.open_canary import open_canary
from marketplace.services.show_lease import show_attestation, show_terms
from marketplace.services.show_oracles import list_faults, list_members
from tests.fakes.http import AppTransport
from tests.fakes.world import AGENT, DOMAIN, OPERATOR, OTHER_RULES, RENTER, World, key
from tests.unit.market.sealing import FIRST, FRAUD, SECOND, THIRD, close_by_receipt, wait

SALT = "0x" + "5a" * 32
LIE, TRUTH = b"hellp\n", b"hello\n"


@pytest.fixture
def world(tmp_path) -> World:
    """A market where every job's seed is a commitment of the agent to lie."""
    world = World(tmp_path, OTHER_RULES)
    plain = world.job_spec()
    world.job_spec = lambda: plain.model_copy(
        update={"determinism": Determinism(seed=canary_seed(AGENT.address, RENTER.address, SALT))}
    )
    return world


@pytest.fixture
def lease_id(world) -> str:
    """A lease with the planted lie as its evidence."""
    lease_id = world.open_lease()
    world.attest(lease_id, LIE)
    return lease_id


def opening(world, lease_id: str, **changes) -> CanaryOpening:
    found = {"lease_id": lease_id, "salt": SALT, "result_digest": world.manifest(TRUTH).root()}
    return CanaryOpening(**found | changes)


def show(world, lease_id: str, signer=OPERATOR, **changes) -> list[str]:
    """Open the canary; the addresses that it caught."""
    message = opening(world, lease_id, **changes)
    return [fault.oracle for fault in open_canary(world.market, message, message.sign(DOMAIN, signer.key))]


def settle(world, lease_id: str, careless=(), diligent=()) -> None:
    """Some seal that the lie is paid, others that it is a fraud; what most of them say is settled."""
    paid = world.verdict(lease_id)
    for oracle in careless:
        world.seal(oracle, paid)
    for oracle in diligent:
        world.seal(oracle, paid.model_copy(update=FRAUD | {"result_digest": world.manifest(TRUTH).root()}))
    wait(world, 3)
    world.reveal_all()
    world.sign_batches((FIRST, SECOND, THIRD))
    world.drain()


def test_who_signed_for_the_lie_is_careless_and_who_ran_it_is_not(world, lease_id):
    settle(world, lease_id, careless=[FIRST], diligent=[SECOND, THIRD])
    assert show(world, lease_id) == [FIRST.address]
    counts = {one["oracle"]: one["careless"] for one in list_members(world.market)["members"]}
    assert counts == {FIRST.address: 1, SECOND.address: 0, THIRD.address: 0}


def test_a_committee_that_pays_for_the_lie_is_caught_as_well(world, lease_id):
    settle(world, lease_id, careless=[FIRST, SECOND, THIRD])
    assert sorted(show(world, lease_id)) == sorted(one.address for one in (FIRST, SECOND, THIRD))


def test_a_committee_that_runs_every_job_is_not_blamed(world, lease_id):
    settle(world, lease_id, diligent=[FIRST, SECOND, THIRD])
    assert show(world, lease_id) == []


def test_the_evidence_convinces_whoever_has_the_bid_and_runs_the_job(world, lease_id):
    settle(world, lease_id, careless=[FIRST], diligent=[SECOND, THIRD])
    show(world, lease_id)
    found = list_faults(world.market, oracle=None, kinds=(FaultKind.CARELESS,), cursor=None, limit=9)
    (fault,) = found["faults"]
    evidence, terms = fault["evidence"], show_terms(world.market, lease_id)
    seal, reveal = VerdictSeal.parse(evidence["seal"]), VerdictReveal.parse(evidence["reveal"])
    opened, spec = CanaryOpening.parse(evidence["opening"]), JobSpec.parse(terms["jobSpec"])
    attested = Attestation.parse(show_attestation(world.market, lease_id)["attestation"])
    assert terms["bid"]["jobDigest"] == spec.digest(), "and the bid's hash is on chain since the lease was opened"
    assert spec.determinism.seed == canary_seed(terms["ask"]["agent"], terms["bid"]["renter"], opened.salt)
    assert seal.recover(DOMAIN, evidence["sealSignature"]) == FIRST.address
    assert reveal.commitment(FIRST.address) == seal.commitment
    assert reveal.result_digest == attested.result_digest != opened.result_digest
    assert opened.recover(DOMAIN, evidence["openingSignature"]) == OPERATOR.address


def test_who_was_shown_the_truth_by_a_market_and_a_provider_together_is_not_blamed_for_the_lie(world, lease_id):
    """An honest verdict names what the oracle's own run gave: it never vouches for another result."""
    misled = world.verdict(lease_id, result_digest=world.manifest(TRUTH).root())
    world.seal(FIRST, misled)
    settle(world, lease_id, careless=[SECOND, THIRD])
    assert sorted(show(world, lease_id)) == sorted(one.address for one in (SECOND, THIRD))


def test_who_would_have_nobody_paid_has_not_vouched_for_the_lie(world, lease_id):
    world.seal(FIRST, world.verdict(lease_id, outcome=2, pay=0))
    settle(world, lease_id, careless=[SECOND, THIRD])
    assert FIRST.address not in show(world, lease_id)


def test_opening_a_canary_again_changes_nothing(world, lease_id):
    settle(world, lease_id, careless=[FIRST], diligent=[SECOND, THIRD])
    assert show(world, lease_id) == show(world, lease_id) == [FIRST.address]
    assert len(list_faults(world.market, oracle=None, kinds=(), cursor=None, limit=9)["faults"]) == 1


def test_a_canary_is_not_opened_while_an_oracle_could_still_seal(world, lease_id):
    world.seal(FIRST, world.verdict(lease_id))
    with pytest.raises(ConflictError, match="still open"):
        show(world, lease_id)


@pytest.mark.parametrize("signer", [AGENT, FIRST, key(99)])
def test_only_the_operator_opens_canaries(world, lease_id, signer):
    settle(world, lease_id, careless=[FIRST, SECOND])
    with pytest.raises(InvalidSignature):
        show(world, lease_id, signer)


def test_what_was_not_planted_is_no_canary(world, lease_id):
    settle(world, lease_id, careless=[FIRST, SECOND])
    with pytest.raises(MalformedMessage, match="the job's seed, for"):
        show(world, lease_id, salt="0x" + "00" * 32)


def test_a_canary_that_another_key_planted_says_nothing_about_this_lease(world):
    other = world.job_spec().model_copy(
        update={"determinism": Determinism(seed=canary_seed(FIRST.address, RENTER.address, SALT))}
    )
    world.job_spec = lambda: other
    lease_id = world.open_lease()
    world.attest(lease_id, LIE)
    settle(world, lease_id, careless=[FIRST, SECOND])
    with pytest.raises(MalformedMessage, match="does not open"):
        show(world, lease_id)


def test_the_truth_is_no_canary_so_that_nobody_is_blamed_for_it(world):
    lease_id = world.open_lease()
    world.attest(lease_id, TRUTH)
    settle(world, lease_id, careless=[FIRST, SECOND])
    with pytest.raises(MalformedMessage, match="no lie"):
        show(world, lease_id)


def test_where_oracles_run_nothing_there_is_no_canary(world):
    world.offer()
    job_id = world.submit(world.bid(verification=Verification.ACCEPT))
    run_round(world.market)
    world.drain()
    lease_id = world.lease_of(job_id)
    world.attest(lease_id, LIE)
    close_by_receipt(world, lease_id)
    with pytest.raises(MalformedMessage, match="were not to run"):
        show(world, lease_id)


def test_a_lease_that_nobody_knows_is_no_canary(world):
    with pytest.raises(NotFound):
        show(world, "0x" + "77" * 32)


def test_the_client_opens_a_canary_over_http_and_an_opening_that_is_none_is_a_clear_error(world, lease_id):
    settle(world, lease_id, careless=[FIRST], diligent=[SECOND, THIRD])
    message = opening(world, lease_id)
    app = build_app(world.market, with_workers=False)
    with MarketClient("http://market.test", transport=AppTransport(app)) as client:
        with pytest.raises(InvalidSignature):
            client.open_canary(message, message.sign(DOMAIN, AGENT.key))
        assert client.open_canary(message, message.sign(DOMAIN, OPERATOR.key)) == [FIRST.address]
        assert [one["kind"] for one in client.oracle_faults(kind="careless")] == ["careless"]
