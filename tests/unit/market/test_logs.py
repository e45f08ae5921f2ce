"""What running jobs print: what the market takes, keeps and tells, and what it does not."""

from base64 import b64decode

import pytest

from marketplace.domain.jobs import JobState
from marketplace.errors import (
    ConflictError,
    DigestMismatch,
    InvalidSignature,
    MalformedMessage,
    MarketError,
    NotFound,
    TooLarge,
)
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import Verification
from marketplace.protocol.livelog import MAX_CHUNK_BYTES, MAX_LOG_BYTES, STDERR, STDOUT, LogChunk
from marketplace.services.clear_round import run_round
from marketplace.services.follow_job import PIECE_BYTES, job_news, log_news
from marketplace.services.live_logs import KEPT_SECONDS, LiveLogs
from marketplace.services.record_log import record_log
from marketplace.services.show_job import show_logs
from tests.fakes.world import AGENT, DOMAIN, PROVIDER, USDC, key

RUN = 1_000


def send(world, lease, data=b"a", *, key=AGENT.key, market=None, **changes) -> int:
    fields = {"lease_id": lease, "started_at": RUN, "stream": STDOUT, "offset": 0, "data_digest": sha256_digest(data)}
    chunk = LogChunk(**fields | changes)
    return record_log(market or world.market, lease, chunk, chunk.sign(DOMAIN, key), data)


def job_of(world, lease: str) -> str:
    with world.market.store.read() as tx:
        return tx.leases.get(lease).bid_hash


def told(world, job, after="", market=None):
    """Everything up to the point where a reader would have to wait, as (kind, data), and where to go on."""
    found = []
    while True:
        look = log_news(market or world.market, job, after)
        found += [(one.kind, one.data) for one in look.news]
        after = look.after
        if look.is_over or not look.has_more:
            return found, after


def printed(events, stream="stdout") -> bytes:
    return b"".join(b64decode(data["data"]) for kind, data in events if kind == "log" and data["stream"] == stream)


@pytest.fixture
def lease(world) -> str:
    return world.open_lease()


# --- what is taken ----------------------------------------------------------------------------------------------------


def test_pieces_follow_each_other_and_one_that_is_here_changes_nothing(world, lease):
    assert send(world, lease, b"one ") == 4
    assert send(world, lease, b"two", offset=4) == 7
    assert send(world, lease, b"one ") == 7
    assert send(world, lease, b"two, three", offset=4) == 14
    assert printed(told(world, job_of(world, lease))[0]) == b"one two, three"


def test_after_a_gap_nothing_is_taken_and_the_agent_hears_where_to_go_on(world, lease):
    send(world, lease, b"one")
    assert send(world, lease, b"five", offset=9) == 3
    assert printed(told(world, job_of(world, lease))[0]) == b"one"


def test_a_market_that_has_forgotten_is_told_again(world, lease):
    send(world, lease, b"before")
    again = world.restarted()
    assert send(world, lease, b"after", offset=6, market=again) == 0
    assert send(world, lease, b"before", market=again) == 6
    assert printed(told(world, job_of(world, lease), market=again)[0]) == b"before"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"key": PROVIDER.key}, InvalidSignature),
        ({"lease_id": "0x" + "77" * 32}, MalformedMessage),
        ({"stream": 3}, MalformedMessage),
        ({"stream": 0}, MalformedMessage),
        ({"data": b""}, MalformedMessage),
        ({"data_digest": "0x" + "77" * 32}, DigestMismatch),
        ({"data": b"x" * (MAX_CHUNK_BYTES + 1)}, TooLarge),
    ],
)
def test_what_is_no_piece_of_this_lease_signed_by_its_agent_is_refused(world, lease, wrong, error):
    with pytest.raises(error):
        send(world, lease, **wrong)
    assert told(world, job_of(world, lease))[0] == []


def test_an_unknown_lease_has_no_log(world):
    with pytest.raises(NotFound):
        send(world, "0x" + "77" * 32)


def test_a_stream_ends_at_what_a_sandbox_keeps(world, lease):
    whole, rest = divmod(MAX_LOG_BYTES, MAX_CHUNK_BYTES)
    for number in range(whole):
        send(world, lease, b"x" * MAX_CHUNK_BYTES, offset=number * MAX_CHUNK_BYTES)
    with pytest.raises(TooLarge):
        send(world, lease, b"x" * (rest + 1), offset=whole * MAX_CHUNK_BYTES)
    assert send(world, lease, b"x" * rest, offset=whole * MAX_CHUNK_BYTES) == MAX_LOG_BYTES
    assert send(world, lease, b"e", stream=STDERR) == 1


def test_what_is_attested_takes_nothing_more(world, lease):
    world.attest(lease)
    with pytest.raises(ConflictError, match="is attested"):
        send(world, lease)


def test_replicas_that_vote_are_not_shown_to_each_other(world):
    job, lease = voting_job(world)
    with pytest.raises(ConflictError, match="Replicas vote"):
        send(world, lease)
    first, after = told(world, job)
    assert [kind for kind, _ in first] == ["withheld"] and "Replicas vote" in first[0][1]["reason"]
    assert told(world, job, after)[0] == [], "said once"
    world.attest(lease, b"the result")
    assert printed(told(world, job, after)[0]) == b"the result"


def voting_job(world) -> tuple[str, str]:
    """A job of two replicas, and the lease of the usual provider."""
    other = key(21)
    world.chain.state.active[other.address] = 100 * USDC
    world.offer()
    world.offer(world.ask(provider=other.address, agent=key(22).address), other)
    job = world.submit(world.bid(verification=int(Verification.REPLICATE), replicas=2))
    assert run_round(world.market) is not None
    world.drain()
    with world.market.store.read() as tx:
        (lease,) = [one.lease_id for one in tx.leases.of_bid(job) if one.agent == AGENT.address]
    return job, lease


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_all_logs_together_are_bounded():
    logs = LiveLogs(most_bytes=10)
    logs.append("one", RUN, STDOUT, 0, b"123456", now=0)
    with pytest.raises(TooLarge):
        logs.append("two", RUN, STDOUT, 0, b"12345", now=0)
    assert logs.append("two", RUN, STDERR, 0, b"1234", now=0) == 4
    logs.drop("one")
    assert logs.append("three", RUN, STDOUT, 0, b"123456", now=0) == 6


def test_what_nobody_adds_to_is_forgotten():
    logs = LiveLogs()
    logs.append("old", RUN, STDOUT, 0, b"a", now=0)
    logs.append("new", RUN, STDOUT, 0, b"b", now=KEPT_SECONDS + 1)
    assert logs.read("old", RUN, 0, 0, 10) is None and logs.read("new", RUN, 0, 0, 10).stdout == b"b"


def test_a_run_that_is_refused_for_want_of_room_leaves_nothing():
    logs = LiveLogs(most_bytes=1)
    with pytest.raises(TooLarge):
        logs.append("one", RUN, STDOUT, 0, b"12", now=0)
    assert logs.read("one", RUN, 0, 0, 10) is None


def test_the_live_log_goes_when_the_attested_one_is_here(world, lease):
    send(world, lease, b"hello")
    world.attest(lease, b"hello\n")
    assert world.market.live_logs.read(lease, RUN, 0, 0, 10) is None


# --- what is told -----------------------------------------------------------------------------------------------------


def test_who_comes_late_gets_all_of_it_from_the_beginning(world, lease):
    send(world, lease, b"out")
    send(world, lease, b"err", stream=STDERR)
    events, _ = told(world, job_of(world, lease))
    assert [kind for kind, _ in events] == ["begin", "log", "log"]
    run = {"leaseId": lease, "provider": PROVIDER.address, "startedAt": RUN}
    assert events[0][1] == run | {"again": False, "attested": False}
    assert (printed(events), printed(events, "stderr")) == (b"out", b"err")


def test_who_comes_back_goes_on_where_it_was_each_byte_once(world, lease):
    job = job_of(world, lease)
    send(world, lease, b"one")
    first, after = told(world, job)
    assert told(world, job, after)[0] == []
    send(world, lease, b"two", offset=3)
    more, after = told(world, job, after)
    assert (printed(first), printed(more), more[0][1]["offset"]) == (b"one", b"two", 3)
    world.attest(lease, b"onetwothree")
    rest, _ = told(world, job, after)
    assert printed(rest) == b"three" and [kind for kind, _ in rest] == ["log", "attested", "end"]
    assert rest[1][1]["stdout"] == {"digest": sha256_digest(b"onetwothree"), "size": 11}
    assert rest[2][1] == {"state": "attested"}


def test_a_long_log_comes_in_pieces_that_can_each_be_gone_on_from(world, lease):
    text = bytes(range(256)) * 30
    world.attest(lease, text)
    job, after, got = job_of(world, lease), "", b""
    looks = 0
    assert told(world, job)[0][0][1]["attested"]
    while True:
        look = log_news(world.market, job, after)
        got += printed([(one.kind, one.data) for one in look.news])
        after, looks = look.news[0].after if look.news else look.after, looks + 1  # as if it broke after each event
        if look.is_over:
            break
        got = got[: int(after.split(".")[1])]
    assert got == text and len(text) < PIECE_BYTES and looks > 3


def test_a_run_that_begins_anew_voids_the_one_before(world, lease):
    job = job_of(world, lease)
    send(world, lease, b"first run")
    _, after = told(world, job)
    send(world, lease, b"second", started_at=RUN + 1)
    events, _ = told(world, job, after)
    assert [kind for kind, _ in events] == ["begin", "log"]
    assert (events[0][1]["again"], events[1][1]["offset"], printed(events)) == (True, 0, b"second")
    with pytest.raises(ConflictError, match="anew"):
        send(world, lease, b"more of the first", offset=9)


def test_a_job_that_never_ran_ends_its_stream_with_its_state(world):
    job = world.submit()
    look = log_news(world.market, job, "")
    assert not look.news and not look.is_over
    with world.market.store.write() as tx:
        tx.bids.set_job_state(job, JobState.EXPIRED)
    assert [(one.kind, one.data) for one in log_news(world.market, job, look.after).news] == [
        ("end", {"state": "expired"})
    ]


@pytest.mark.parametrize("after", ["x", "1.2.3", "1.2.3.4", "1.2.3.0,", "1.2.3.0;1.2.3.0", "-1.0.0.0", "9" * 40])
def test_a_place_that_no_look_has_given_is_refused(world, lease, after):
    with pytest.raises(MalformedMessage, match="Last-Event-ID"):
        log_news(world.market, job_of(world, lease), after)


def test_a_place_beyond_what_is_there_is_waited_at(world, lease):
    job = job_of(world, lease)
    send(world, lease, b"abc")
    assert told(world, job, f"{RUN}.{10**19}.0.0")[0] == []
    world.attest(lease, b"abc")
    assert [kind for kind, _ in told(world, job, f"{RUN}.{10**19}.0.0")[0]] == ["attested", "end"]


def test_the_logs_of_a_job_show_what_it_has_printed_so_far(world, lease):
    job = job_of(world, lease)
    assert show_logs(world.market, job)["leases"] == []
    send(world, lease, b"so far\xff")
    (shown,) = show_logs(world.market, job)["leases"]
    assert (shown["attested"], shown["stdout"], shown["stderr"]) == (False, "so far\ufffd", "")
    world.attest(lease, b"all")
    (shown,) = show_logs(world.market, job)["leases"]
    assert (shown["attested"], shown["stdout"]) == (True, "all")


def test_the_timeline_is_told_once_and_ends_with_the_job(world, lease):
    job = job_of(world, lease)
    first = job_news(world.market, job, "")
    kinds = [one.data["event"] for one in first.news]
    assert kinds[:2] == ["queued", "matched"] and kinds[-1] == "running" and not first.is_over
    assert job_news(world.market, job, first.after).news == ()
    half = job_news(world.market, job, first.news[1].after)
    assert [one.data["event"] for one in half.news] == kinds[2:]
    world.attest(lease)
    world.judge(lease)
    world.sign_batches()
    world.drain()
    last = job_news(world.market, job, first.after)
    assert last.is_over and (last.news[-1].kind, last.news[-1].data) == ("end", {"state": "paid"})
    assert {"attestation", "sealed", "lease_closed"} <= {one.data.get("event") for one in last.news}


@pytest.mark.parametrize("after", ["x", "-1", "1.0", "9" * 30])
def test_a_place_in_the_timeline_is_a_count(world, lease, after):
    with pytest.raises(MarketError, match="Last-Event-ID"):
        job_news(world.market, job_of(world, lease), after)
