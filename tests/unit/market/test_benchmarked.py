"""A node whose profile states what was measured on it: the ask's signature covers the scores, and renters see them."""

import pytest

from marketplace.clearing.transcript import verify_transcript
from marketplace.errors import MalformedMessage
from marketplace.protocol.profile import Benchmark
from marketplace.services.clear_round import run_round
from marketplace.services.place_order import place_ask
from marketplace.services.show_market import list_nodes, show_round, show_transcript
from tests.fakes.world import DOMAIN, PROVIDER

SCORES = Benchmark(version=1, measured_at=1_800_000_000, sandbox_mfuel_per_second=19_000)


def test_scores_are_listed_with_the_node_and_are_part_of_the_round_that_anyone_recomputes(world):
    profile = world.profile().model_copy(update={"benchmark": SCORES})
    ask = world.ask(profile_digest=profile.digest())
    place_ask(world.market, ask, ask.sign(DOMAIN, PROVIDER.key), profile)
    (node,) = list_nodes(world.market)["nodes"]
    assert node["profile"]["benchmark"] == {
        "version": 1, "measuredAt": 1_800_000_000, "sandboxMfuelPerSecond": 19_000,
    }  # fmt: skip
    world.submit()
    run_round(world.market)
    transcript = show_transcript(world.market, 1)
    assert transcript["asks"][0]["profile"]["benchmark"]["sandboxMfuelPerSecond"] == 19_000
    verify_transcript(transcript, show_round(world.market, 1)["digest"])


def test_scores_that_the_ask_was_not_signed_with_are_refused(world):
    signed = world.profile().model_copy(update={"benchmark": SCORES})
    better = world.profile().model_copy(
        update={"benchmark": SCORES.model_copy(update={"sandbox_mfuel_per_second": 99_000})}
    )
    ask = world.ask(profile_digest=signed.digest())
    with pytest.raises(MalformedMessage, match="profileDigest"):
        place_ask(world.market, ask, ask.sign(DOMAIN, PROVIDER.key), better)
