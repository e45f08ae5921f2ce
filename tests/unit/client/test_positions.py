"""What a client was told of the market's history, said again for as long as it matters."""

import httpx
import pytest

from marketplace.client.positions import LastPosition
from marketplace.client.transport import Transport
from marketplace.errors import MalformedMessage
from marketplace.protocol.positions import POSITION, REMEMBERED_SECONDS, parse_position
from marketplace.settings import MarketSettings


def test_the_highest_is_said_again_until_no_replica_can_be_so_far_behind():
    now = 0.0
    last = LastPosition(lambda: now)
    assert last.headers() == {}
    for told in ("7", "5", "", "soon", "-1"):
        last.note(told)
    assert last.headers() == {POSITION: "7"}
    now = REMEMBERED_SECONDS
    assert last.headers() == {}
    last.note("3")
    assert last.headers() == {POSITION: "3"}, "another history, as after a move of the database"


def test_it_is_remembered_for_longer_than_any_market_lets_a_replica_be_behind():
    (bound,) = [one.le for one in MarketSettings.model_fields["read_lag_seconds"].metadata if hasattr(one, "le")]
    assert bound <= REMEMBERED_SECONDS


def test_every_request_names_it_and_refusals_tell_of_it_too():
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get(POSITION))
        return httpx.Response(200 if len(asked) > 1 else 404, json={}, headers={POSITION: str(40 + len(asked))})

    transport = Transport("http://market.test", transport=httpx.MockTransport(answer))
    with pytest.raises(Exception, match="404"):
        transport.json("GET", "/first")
    transport.json("POST", "/second", json={})
    transport.json("GET", "/third")
    assert asked == [None, "41", "42"]


@pytest.mark.parametrize("text", ["", "0x10", "1 ", "\u0663", "1" * 21])
def test_what_is_no_position_is_refused(text):
    with pytest.raises(MalformedMessage, match=POSITION):
        parse_position(text)
