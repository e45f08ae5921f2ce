"""Bids whose jobs are run again go only to nodes that promise a sandbox in which a lie is a fraud to enough oracles."""

from dataclasses import replace

import pytest

from marketplace.clearing.round import Parameters, clear_round
from marketplace.clearing.transcript import read_snapshot, write_transcript
from marketplace.protocol.enums import Verification
from marketplace.protocol.jobspec import METERED_SANDBOX
from marketplace.protocol.privacy import KeyOffer
from marketplace.services.clear_round import run_round
from marketplace.services.quote_job import quote_job
from marketplace.services.record_grant import record_offer
from marketplace.services.show_job import show_explanation
from marketplace.services.show_oracles import list_members
from marketplace.services.snapshot import load_book
from tests.fakes.world import DOMAIN, ORACLES, World

OURS, OTHER = "0x" + "0a" * 32, "0x" + "0b" * 32
RECIPIENT = "age1" + "q" * 58


class PromisingWorld(World):
    """Its node promises `promised`, where that is not empty."""

    promised = OURS

    def profile(self):
        promises = {METERED_SANDBOX: self.promised} if self.promised else {}
        return super().profile().model_copy(update={"sandbox_digests": promises})

    def say(self, *digests: str, at: int = 1) -> None:
        """What the oracles say, one after the other."""
        for account, digest in zip(ORACLES, digests, strict=False):
            offer = KeyOffer(oracle=account.address, recipient=RECIPIENT, sandbox_digest=digest, offered_at=at)
            record_offer(self.market, offer, offer.sign(DOMAIN, account.key))

    def is_leased(self, **fields) -> bool:
        self.offer()
        job_id = self.submit(self.bid(**fields))
        run_round(self.market)
        self.drain()
        with self.market.store.read() as tx:
            return bool(tx.leases.of_bid(job_id))


@pytest.fixture
def world(tmp_path) -> PromisingWorld:
    return PromisingWorld(tmp_path)


def test_two_of_three_oracles_must_agree_in_this_market(world):
    committee = world.market.chain.committee()
    assert (committee.threshold, len(committee.members)) == (2, len(ORACLES)) == (2, 3)


@pytest.mark.parametrize(
    ("promised", "said", "leased"),
    [
        (OURS, [OURS, OURS, OURS], True),
        (OURS, [OURS, OURS, OTHER], True),
        (OURS, [OURS, OTHER, OTHER], False),
        ("", [OURS, OURS], False),
        (OTHER, [OURS, OURS], False),
        ("", [], True),
        (OTHER, [OURS], True),
        ("", [OURS, OTHER], True),
    ],
    ids=[
        "everybody's", "of as many as must agree", "of one, and others have another", "no promise", "a made-up one",
        "nobody has said", "too few have said", "none that enough have",
    ],
)  # fmt: skip
def test_node_gets_jobs_that_are_run_again_where_a_lie_could_be_convicted(world, promised, said, leased):
    world.promised = promised
    world.say(*said)
    assert world.is_leased() is leased


@pytest.mark.parametrize("verification", [Verification.ACCEPT])
def test_node_that_promises_nothing_gets_what_no_oracle_runs_again(world, verification):
    world.promised = ""
    world.say(OURS, OURS, OURS)
    assert world.is_leased(verification=int(verification))


def test_what_an_oracle_said_last_counts_and_what_strangers_say_does_not(world):
    world.say(OTHER, OTHER, OTHER)
    world.say(OURS, OURS, at=2)
    told = list_members(world.market)
    assert told["judgedSandboxes"] == [OURS]
    addresses = [account.address for account in ORACLES]
    said = {one["oracle"]: one["sandboxDigest"] for one in told["members"]}
    assert said == dict(zip(addresses, (OURS, OURS, OTHER), strict=True))
    committee = world.market.chain.committee()
    world.chain.committee = lambda: replace(committee, members=tuple(addresses[1:]))
    assert list_members(world.market)["judgedSandboxes"] == []


def test_renter_is_told_why_the_node_will_not_do(world):
    world.promised = ""
    world.say(OURS, OURS)
    world.offer()
    job_id = world.submit()
    run_round(world.market)
    bid = world.bid()
    (offer,) = quote_job(world.market, bid.resources, world.job_spec(), 1, None)["offers"]
    assert offer["reasons"] == ["promisedSandbox: one that enough oracles have needed, another or none offered"]
    assert "promisedSandbox" in str(show_explanation(world.market, job_id))


def test_transcript_says_which_nodes_could_be_held_to_their_promise(world):
    world.promised = ""
    world.offer()
    for said, judged in (((), True), ((OURS, OURS), False)):
        world.say(*said)
        book = load_book(world.market)
        result = clear_round(book.snapshot, Parameters())
        document = write_transcript(result, Parameters(), DOMAIN, world.market.address, 1).document
        assert [one["isJudged"] for one in document["asks"]] == [judged]
        assert read_snapshot(document) == book.snapshot


def test_book_is_another_once_the_oracles_have_said_it(world):
    world.promised = ""
    world.offer()
    before = load_book(world.market).digest()
    world.say(OURS, OURS)
    assert load_book(world.market).digest() != before
