"""A job's timeline as a person reads it: each thing once, money in USDC, no machine's words."""

from rich.text import Text

from marketplace.cli.timeline import Story

LEASE, PROVIDER, TX = "0x" + "cd" * 32, "0x" + "9c" * 20, "0x" + "08" * 32
MATCH = {"provider": PROVIDER, "price": "53571"}
CLOSED = {"reason": "verdict", "paid": "520", "fee": "27", "refund": "53024", "transaction": TX}


def event(kind: str, **data) -> dict:
    return {"at": 1_790_000_000, "event": kind, "leaseId": LEASE, "detail": "as the market says it", "data": data}


def verdict(oracle: str, outcome: str = "paid") -> dict:
    return event("verdict", oracle=oracle * 10, outcome=outcome, pay="547" if outcome == "paid" else "0")


def sealed(oracle: str) -> dict:
    return event("sealed", oracle=oracle * 10)


def told(*events: dict) -> list[str]:
    return [Text.from_markup(line).plain for _, line in Story().news(list(events))]


def test_a_paid_job_is_told_without_repetition():
    assert told(
        event("queued"), event("matched", round=1, **MATCH), event("lease_opened", **MATCH, transaction=TX),
        event("running"), event("attestation", exit="exited", fuel="474325640"), sealed("0xaaaa"),
        verdict("0xaaaa"), verdict("0xbbbb"),
        event("batch_proposed", batch=TX), verdict("0xcccc"), event("lease_closed", outcome="paid", **CLOSED),
        event("paid"),
    ) == [
        "in the order book  as the market says it",
        "matched by the auction  round 1, provider 0x9c9c9c9c…, price 0.053571 USDC",
        "lease open, the price is locked  transaction 0x08080808…",
        "the provider delivered and attested  0.474 Gfuel",
        "an oracle ran it again and sealed its verdict  oracle 0xaaaa0xaa…",
        "a sealed verdict is opened  oracle 0xaaaa0xaa…: pay 0.000547 USDC",
        "oracles sign the verdict together  batch 0x08080808…",
        "settled on chain  by the oracles' verdict: 0.000520 USDC to the provider, 0.000027 USDC fee, "
        "0.053024 USDC back, transaction 0x08080808…",
        "paid  as the market says it",
    ]  # fmt: skip


def test_a_late_verdict_that_says_something_else_is_told():
    late = told(verdict("0xaaaa"), event("batch_proposed", batch=TX), verdict("0xcccc", "fraud"))
    assert late[-1] == "a sealed verdict is opened  oracle 0xcccc0xcc…: fraud"


def test_a_job_that_fails_says_how_and_names_no_pay():
    assert told(
        event("attestation", exit="out_of_fuel", fuel="100000000"), event("lease_closed", outcome="failed", **CLOSED)
    ) == [
        "the provider delivered and attested  out of fuel, 0.100 Gfuel",
        "settled on chain  by the oracles' verdict: 0.053024 USDC back, transaction 0x08080808…",
    ]


def test_a_second_lease_names_its_own_provider():
    other = {"provider": "0x" + "77" * 20, "price": "74999"}
    lines = told(event("matched", **MATCH), event("lease_opened", **other, transaction=TX))
    assert (
        lines[1]
        == "lease open, the price is locked  provider 0x77777777…, price 0.074999 USDC, transaction 0x08080808…"
    )


def test_what_a_look_back_at_the_chain_finds_unchanged_is_not_told_twice():
    settled = [event("lease_closed", outcome="paid", **CLOSED), event("paid")]
    again = [event("opening", reorganised=True), event("running", reorganised=True), *settled]
    assert told(*settled, *again)[2:] == ["the market read the chain anew"]


def test_only_what_is_new_is_told():
    story, timeline = Story(), [event("queued")]
    assert len(story.news(timeline)) == 1
    timeline.append(event("matched", **MATCH))
    assert [found["event"] for found, _ in story.news(timeline)] == ["matched"]
    assert story.news(timeline) == []


def test_words_of_others_are_no_markup():
    assert told(event("not_matched", round=2, reason="Not matched: no [red]node[/red]")) == [
        "not matched  round 2, no [red]node[/red]"
    ]


def test_where_the_draw_did_not_fall_on_a_lease_nobody_is_said_to_have_run_it():
    assert told(event("audit_not_drawn", rate="50%"), sealed("0xaaaa"))[:2] == [
        "not drawn for audit: nobody needs to run it again  rate 50%",
        "an oracle sealed its verdict  oracle 0xaaaa0xaa…",
    ]
    assert told(event("audit_drawn", rate="50%"), sealed("0xaaaa"))[1].startswith("an oracle ran it again")
