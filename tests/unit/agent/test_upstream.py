"""What a job takes of others: found on the chain alone, so that no market can have anybody take something else."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.follow import BLOCKS_AT_ONCE
from agent.upstream import Upstream
from agent.work import check_terms
from marketplace.client.terms import LeaseTerms
from marketplace.domain.chain import (
    BlockRef,
    ChainEvent,
    CloseReason,
    EventOrigin,
    LeaseClosed,
    LeaseOpened,
    LeasesSettled,
    SettledLease,
)
from marketplace.domain.upstream import History
from marketplace.errors import AgentError, ChainUnavailable, MalformedMessage, NotFound, ServiceUnavailable
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind, Outcome
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.protocol.upstream import Need, Place
from tests.unit.agent.played_market import ORACLE, PROVIDER
from tests.unit.agent.test_work import lease_event, lease_terms, runner, script_spec

FIRST, SECOND, GOOD_LEASE, OTHER_LEASE = ("0x" + f"{n:02x}" * 32 for n in (0xA1, 0xA2, 0xB1, 0xB2))
GOOD, FALSE = b"what was made", b"what somebody would like"
MADE = Manifest.build([ManifestEntry.of("out/made.txt", GOOD), ManifestEntry.of("log/stdout", b"")])
INVENTED = Manifest.build([ManifestEntry.of("out/made.txt", FALSE), ManifestEntry.of("log/stdout", b"")])


def at(block: int, log: int = 0) -> EventOrigin:
    return EventOrigin(block, f"0x{block}", "0x2", log)


def opened(bid_hash: str, lease_id: str, block: int, group: int = 5) -> LeaseOpened:
    return LeaseOpened(
        origin=at(block), lease_id=lease_id, market=ORACLE.address, renter=ORACLE.address, provider=PROVIDER.address,
        bid_hash=bid_hash, price=1, fee_bps=500, deadline=1, salt=1, group=group, place=0, round_digest="0x",
    )  # fmt: skip


def closed(lease_id: str, block: int, outcome: Outcome = Outcome.PAID, manifest: Manifest = MADE) -> LeaseClosed:
    return LeaseClosed(at(block), lease_id, outcome, 1, 0, 0, manifest.root(), CloseReason.RECEIPT)


def settled(block: int, outcome: Outcome, manifest: Manifest = MADE, group: int = 5) -> LeasesSettled:
    one = SettledLease(group, 0, outcome, 1, manifest.root())
    return LeasesSettled(at(block), ORACLE.address, 1, 1, (one,))


class Chain:
    """Events by block; another fork has other hashes."""

    def __init__(self, *events: ChainEvent, head: int = 100) -> None:
        self.all, self.height, self.fork, self.reads = list(events), head, "a", 0
        self.deployed_at_block = 1

    def head(self) -> BlockRef:
        return BlockRef(self.height, f"{self.fork}{self.height}", 0)

    def block(self, number: int) -> BlockRef:
        return BlockRef(number, f"{self.fork}{number}", 0)

    def events(self, first: int, last: int) -> list[ChainEvent]:
        self.reads += 1
        return [one for one in self.all if first <= one.origin.block_number <= last]


class Relay:
    """A market that gives out these manifests, whatever the truth is."""

    def __init__(self, **manifests: Manifest) -> None:
        self.manifests = manifests

    def attestation(self, lease_id: str) -> dict:
        if lease_id not in self.manifests:
            raise NotFound("attestation of lease", lease_id)
        return {"manifest": self.manifests[lease_id].to_json()}


def taking(*, instead_of=(), bids=(FIRST, SECOND), max_bytes=100) -> LeaseTerms:
    """A job that takes `out/made.txt` of whichever of these bids is paid."""
    need = {"bids": list(bids), "files": [{"path": "m", "output": "out/made.txt", "maxBytes": max_bytes}]}
    place = {"name": "w", "bids": 3, "job": "b", "needs": [need], "insteadOf": list(instead_of)}
    return lease_terms(script_spec(workflow=place))


def lease_of(terms: LeaseTerms, block: int) -> LeaseOpened:
    return replace(lease_event(terms), origin=at(block), group=9)


def inputs_of(terms: LeaseTerms) -> dict[str, str]:
    return {entry.path: entry.digest for entry in terms.job_spec.inputs}


def test_a_paid_result_becomes_an_input_as_if_it_had_been_uploaded():
    terms = taking()
    chain = Chain(opened(FIRST, GOOD_LEASE, 2), settled(3, Outcome.PAID), lease_of(terms, 4))
    found = Upstream(chain, Relay(**{GOOD_LEASE: MADE})).resolve(terms)
    assert inputs_of(found) == inputs_of(terms) | {"m": sha256_digest(GOOD)}
    assert found.job_spec.workflow is None and found.bid == terms.bid


def test_a_result_that_the_market_substitutes_is_refused_by_whoever_asks():
    terms = taking()
    chain = Chain(opened(FIRST, GOOD_LEASE, 2), settled(3, Outcome.PAID), lease_of(terms, 4))
    with pytest.raises(AgentError, match="does not hash to"):
        Upstream(chain, Relay(**{GOOD_LEASE: INVENTED})).resolve(terms)
    with pytest.raises(NotFound):
        Upstream(chain, Relay()).resolve(terms)


@pytest.mark.parametrize(
    ("before", "problem"),
    [
        ((), "had been paid"),
        ((opened(FIRST, GOOD_LEASE, 2),), "had been paid"),
        ((opened(FIRST, GOOD_LEASE, 2), settled(3, Outcome.FAILED)), "had been paid"),
        ((opened(FIRST, GOOD_LEASE, 2), settled(3, Outcome.FRAUD)), "had been paid"),
        ((opened(FIRST, GOOD_LEASE, 2), settled(5, Outcome.PAID)), "had been paid"),
        ((opened("0x" + "cc" * 32, GOOD_LEASE, 2), settled(3, Outcome.PAID)), "had been paid"),
    ],
    ids=["never opened", "open", "failed", "fraud", "paid later", "another bid"],
)
def test_a_job_that_was_opened_before_its_need_was_met_never_runs(before, problem):
    terms = taking()
    upstream = Upstream(Chain(*before, lease_of(terms, 4)), Relay(**{GOOD_LEASE: MADE}))
    assert problem in upstream.find_obstacle(terms)
    with pytest.raises(AgentError, match="must not run"):
        upstream.resolve(terms)


def test_what_is_paid_after_a_lease_opened_changes_nothing_for_it():
    terms = taking()
    early = [opened(FIRST, GOOD_LEASE, 2), settled(3, Outcome.PAID), lease_of(terms, 4)]
    later = [opened(SECOND, OTHER_LEASE, 6), closed(OTHER_LEASE, 7, manifest=INVENTED)]
    relay = Relay(**{GOOD_LEASE: MADE, OTHER_LEASE: INVENTED})
    looks = [Upstream(Chain(*early, *more), relay).resolve(terms) for more in ((), later)]
    assert inputs_of(looks[0]) == inputs_of(looks[1])


def test_of_two_paid_attempts_the_one_that_was_closed_first_counts_for_everybody():
    terms = taking()
    events = [
        opened(FIRST, GOOD_LEASE, 2, group=1), opened(SECOND, OTHER_LEASE, 2, group=2),
        closed(OTHER_LEASE, 3, manifest=INVENTED), closed(GOOD_LEASE, 3 + 1), lease_of(terms, 9),
    ]  # fmt: skip
    found = Upstream(Chain(*events), Relay(**{GOOD_LEASE: MADE, OTHER_LEASE: INVENTED})).resolve(terms)
    assert inputs_of(found)["m"] == sha256_digest(FALSE)


@given(st.lists(st.sampled_from([FIRST, SECOND]), min_size=1, max_size=2, unique=True), st.data())
def test_which_result_counts_depends_neither_on_when_one_looks_nor_on_the_order_of_names(bids, data):
    """Prefixes of one chain that reach beyond the opening all tell the same."""
    outcomes = [data.draw(st.sampled_from(list(Outcome))) for _ in bids]
    events: list[ChainEvent] = [opened(bid, bid, 2, group=n) for n, bid in enumerate(bids)]
    blocks = data.draw(st.permutations(range(3, 3 + len(bids))))
    ends = [closed(bid, block, one) for bid, block, one in zip(bids, blocks, outcomes, strict=True)]
    events += sorted(ends, key=lambda one: one.origin.block_number)
    place = Place(name="", bids=3, job="b", needs=(Need(bids=tuple(bids)),))
    turned = Place(name="", bids=3, job="b", needs=(Need(bids=tuple(reversed(bids))),))
    moment = (data.draw(st.integers(2, 6)), 1)
    whole, part = History(), History()
    whole.read(events)
    part.read([one for one in events if one.origin.block_number <= moment[0]])
    looks = [history.find_met(one, moment) for history in (whole, part) for one in (place, turned)]
    assert len({tuple(met.lease_id for met in found) for found, _ in looks}) == 1
    paid = [end.lease_id for end in ends if end.outcome == Outcome.PAID and end.origin.block_number <= moment[0]]
    assert bool(looks[0][0]) is bool(paid)


@pytest.mark.parametrize(
    ("before", "problem"),
    [
        ((), "never been opened"),
        ((opened(SECOND, OTHER_LEASE, 2, group=7),), "had not ended"),
        ((opened(SECOND, OTHER_LEASE, 2, group=7), closed(OTHER_LEASE, 3)), "was paid"),
        ((opened(SECOND, OTHER_LEASE, 2, group=7), closed(OTHER_LEASE, 3, Outcome.FAILED)), ""),
    ],
    ids=["never opened", "open", "paid", "failed"],
)
def test_a_bid_in_anothers_stead_counts_only_after_that_one_has_failed(before, problem):
    terms = taking(instead_of=[SECOND], bids=[FIRST])
    first = opened(FIRST, GOOD_LEASE, 2), settled(3, Outcome.PAID)
    obstacle = Upstream(Chain(*before, *first, lease_of(terms, 4)), Relay()).find_obstacle(terms)
    assert problem in obstacle and bool(problem) is bool(obstacle)


def test_a_number_of_a_group_that_is_used_again_means_its_new_lease():
    terms = taking(bids=[SECOND])
    events = [
        opened(FIRST, GOOD_LEASE, 2), settled(3, Outcome.FAILED),
        opened(SECOND, OTHER_LEASE, 4), settled(5, Outcome.PAID), lease_of(terms, 6),
    ]  # fmt: skip
    found = Upstream(Chain(*events), Relay(**{OTHER_LEASE: MADE})).resolve(terms)
    assert inputs_of(found)["m"] == sha256_digest(GOOD)


def test_after_a_reorganisation_the_chain_is_read_anew():
    terms = taking()
    chain = Chain(opened(FIRST, GOOD_LEASE, 2), settled(3, Outcome.PAID), lease_of(terms, 4))
    upstream = Upstream(chain, Relay(**{GOOD_LEASE: MADE}))
    assert upstream.find_obstacle(terms) == ""
    chain.fork, chain.all[1] = "b", settled(3, Outcome.FRAUD)
    assert "had been paid" in upstream.find_obstacle(terms)


def test_what_was_read_before_the_node_failed_is_forgotten_with_its_history():
    """The payment stood in the first piece that was read; the second could not be had, then the chain was another."""
    terms = taking()
    chain = Chain(opened(FIRST, GOOD_LEASE, 2), settled(3, Outcome.PAID), head=2 * BLOCKS_AT_ONCE)
    upstream, read = Upstream(chain, Relay(**{GOOD_LEASE: MADE})), chain.events

    def fail_later(first: int, last: int) -> list[ChainEvent]:
        if first > 1:
            raise ChainUnavailable("The node does not answer.")
        return read(first, last)

    chain.events = fail_later
    with pytest.raises(ChainUnavailable):
        upstream.find_obstacle(terms)
    chain.events, chain.fork, chain.all = read, "b", [lease_of(terms, 2 * BLOCKS_AT_ONCE)]
    assert "had been paid" in upstream.find_obstacle(terms)


def test_the_chain_is_read_once_and_not_at_all_for_jobs_of_no_workflow():
    terms, alone = taking(), lease_terms()
    chain = Chain(opened(FIRST, GOOD_LEASE, 2), settled(3, Outcome.PAID), lease_of(terms, 4))
    upstream = Upstream(chain, Relay(**{GOOD_LEASE: MADE}))
    assert upstream.resolve(alone) == alone and upstream.find_obstacle(alone) == ""
    assert chain.reads == 0
    for _ in range(3):
        upstream.resolve(terms)
    assert chain.reads == 1


def test_a_lease_that_the_own_node_does_not_know_yet_is_waited_for():
    with pytest.raises(ServiceUnavailable, match="does not know"):
        Upstream(Chain(), Relay()).resolve(taking())


def test_a_file_that_was_not_left_or_is_too_long_is_not_taken():
    terms = taking(max_bytes=len(GOOD) - 1)
    chain = Chain(opened(FIRST, GOOD_LEASE, 2), settled(3, Outcome.PAID, INVENTED), lease_of(terms, 4))
    with pytest.raises(AgentError, match="bytes"):
        Upstream(chain, Relay(**{GOOD_LEASE: INVENTED})).resolve(terms)
    empty = Manifest.build([])
    chain.all[1] = settled(3, Outcome.PAID, empty)
    with pytest.raises(NotFound, match=r"out/made\.txt"):
        Upstream(chain, Relay(**{GOOD_LEASE: empty})).resolve(terms)


def test_a_machine_that_cannot_ask_the_chain_runs_no_job_of_a_workflow():
    execution = runner()(taking())
    assert execution.exit_kind is ExitKind.SANDBOX_ERROR and "follow the chain" in execution.detail


def test_evidence_judges_no_job_that_takes_others_files():
    terms = taking()
    attested = replace(terms, bid=terms.bid.model_copy(update={"verification": 3}))
    with pytest.raises(MalformedMessage, match="others' files"):
        check_terms(lease_event(attested), attested)
