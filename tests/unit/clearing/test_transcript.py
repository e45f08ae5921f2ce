"""What a transcript may not do: count an order for more than was signed, or go without what the check needs."""

import json

import pytest

from marketplace.clearing import Parameters, Transcript, clear_round, verify_transcript, write_transcript
from marketplace.domain.book import BookSnapshot
from marketplace.errors import TranscriptMismatch
from marketplace.protocol.eip712 import Domain
from tests.unit.clearing.market import DIGEST, NOW, ask, bid, snapshot

DOMAIN = Domain(1337, "0x" + "ee" * 20)


def written(market) -> Transcript:
    return write_transcript(clear_round(market), Parameters(), DOMAIN, market.bids[0].bid.market, 1)


def refused(transcript: Transcript, words: str) -> None:
    document = json.loads(json.dumps(transcript.document))
    with pytest.raises(TranscriptMismatch, match=words):
        verify_transcript(document, Transcript(document).digest)


def test_units_that_nobody_signed_are_not_counted():
    generous = ask(1)
    object.__setattr__(generous, "free_units", 5)
    refused(written(snapshot([bid(1)], [generous])), "was signed for 1 units, not 5")


@pytest.mark.parametrize("side", ["bids", "asks"])
def test_order_listed_twice_is_refused(side):
    bids, asks = [bid(1), bid(2)], [ask(1)]
    orders = {"bids": bids, "asks": asks}
    orders[side].append(orders[side][0])
    refused(written(BookSnapshot.of(NOW, bids, asks)), "lists an order twice")


@pytest.mark.parametrize("part", ["version", "domain", "market", "parameters", "matches", "rents", "certificate"])
def test_part_that_is_missing_is_named(part):
    document = dict(written(snapshot([bid(1)], [ask(1)])).document)
    del document[part]
    refused(Transcript(document), part)


def test_transcript_of_other_rules_is_not_judged_by_these():
    document = dict(written(snapshot([bid(1)], [ask(1)])).document) | {"version": 99}
    refused(Transcript(document), "version 99")


@pytest.mark.parametrize(
    "wrong",
    [{"epsilonPpm": -1}, {"epsilonPpm": 10**6 + 1}, {"strandedWeightBps": -1}, {"standingWeightBps": 10_001}],
)
def test_parameters_out_of_range_are_refused(wrong):
    document = dict(written(snapshot([bid(1)], [ask(1)])).document)
    refused(Transcript(document | {"parameters": document["parameters"] | wrong}), "out of range")


@pytest.mark.parametrize("name", ["epsilonPpm", "strandedWeightBps", "standingWeightBps", "atlasDigest"])
def test_parameter_that_is_missing_is_named(name):
    document = dict(written(snapshot([bid(1)], [ask(1)])).document)
    document["parameters"] = {key: value for key, value in document["parameters"].items() if key != name}
    refused(Transcript(document), name)


def test_round_that_was_cleared_with_other_tables_does_not_verify_silently():
    document = dict(written(snapshot([bid(1)], [ask(1)])).document)
    refused(Transcript(document | {"parameters": document["parameters"] | {"atlasDigest": DIGEST}}), "other tables")
