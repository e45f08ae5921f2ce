"""The page on prices shows what the auction does: its picture is drawn from a round, and says what the round says."""

from marketplace.clearing import clear_round
from scripts.draw_round import LIMITS, PICTURE, QUOTES, draw_round, snapshot


def test_the_picture_is_that_of_the_round():
    assert PICTURE.read_text() == draw_round(), "run python -m scripts.draw_round"


def test_in_the_picture_all_pay_what_the_first_bid_left_out_was_ready_to_pay():
    result = clear_round(snapshot())
    assert len(result.matches) == 6
    assert sorted(match.quote for match in result.matches) == list(QUOTES[:6])
    for match in result.matches:
        assert 0 <= LIMITS[6] - match.price <= result.certificate.epsilon
        assert match.rent == match.price - match.quote
    idle = {one.ask_hash for one in result.problem.snapshot.asks} - {match.ask_hash for match in result.matches}
    assert [result.rents[ask] for ask in idle] == [0, 0]
