"""The market as news: rounds in order, each once, and its status when it is another."""

import pytest

from marketplace.errors import MalformedMessage
from marketplace.services import follow_market
from marketplace.services.clear_round import run_round
from marketplace.services.follow_market import MarketNews
from marketplace.services.show_market import list_rounds, show_cluster


def market_news(market, after):
    return MarketNews(market, seconds=0).look(after)


def kinds(look) -> list[str]:
    return [one.kind for one in look.news]


def clear(world, times: int = 1) -> None:
    for _ in range(times):
        world.submit()
        assert run_round(world.market) is not None


def test_who_comes_first_is_told_the_status_and_no_past(world):
    world.offer()
    clear(world)
    look = market_news(world.market, "")
    assert kinds(look) == ["status"] and look.news[0].data == show_cluster(world.market)
    assert kinds(market_news(world.market, look.after)) == [] and not look.is_over


def test_each_round_comes_once_in_order_before_the_status_that_it_left(world):
    world.offer()
    after = market_news(world.market, "").after
    clear(world, 2)
    look = market_news(world.market, after)
    assert kinds(look) == ["round", "round", "status"]
    assert [one.data for one in look.news[:2]] == list_rounds(world.market)["rounds"][::-1]
    assert look.news[2].data["rounds"] == 2


def test_who_comes_back_after_any_event_hears_the_rest(world):
    world.offer()
    after = market_news(world.market, "").after
    clear(world, 2)
    look = market_news(world.market, after)
    for place, event in enumerate(look.news):
        assert market_news(world.market, event.after).news == look.news[place + 1 :]


def test_who_was_away_for_long_hears_of_the_newest_rounds(world, monkeypatch):
    monkeypatch.setattr(follow_market, "MOST_ROUNDS", 2)
    world.offer()
    after = market_news(world.market, "").after
    clear(world, 3)
    assert [one.data["number"] for one in market_news(world.market, after).news if one.kind == "round"] == [2, 3]


@pytest.mark.parametrize("after", ["x", "1", "1.zz", "-1.0000000000000000", "1.0000000000000000 "])
def test_a_position_that_no_look_has_given_is_refused(world, after):
    with pytest.raises(MalformedMessage):
        market_news(world.market, after)


def test_many_readers_cost_the_market_one_status(world, monkeypatch):
    asked, now = [], [0.0]
    monkeypatch.setattr(follow_market, "show_cluster", lambda market: asked.append(1) or show_cluster(market))
    news = MarketNews(world.market, seconds=1, clock=lambda: now[0])
    first = [news.look("") for _ in range(5)]
    assert len(asked) == 1 and len({one.after for one in first}) == 1
    world.offer()
    now[0] = 1.0
    assert kinds(news.look(first[0].after)) == ["status"] and len(asked) == 2


def test_who_is_ahead_of_a_market_that_began_anew_is_told_as_if_for_the_first_time(world):
    world.offer()
    digest = market_news(world.market, "").after.partition(".")[2]
    look = market_news(world.market, f"500.{digest}")
    assert kinds(look) == ["status"] and look.after == f"0.{digest}"
    clear(world)
    assert kinds(market_news(world.market, look.after)) == ["round", "status"]


def test_a_round_that_is_newer_than_the_kept_status_is_told_once(world):
    world.offer()
    news = MarketNews(world.market, seconds=1, clock=lambda: 0.0)
    after = news.look("").after
    clear(world)
    look = news.look(after)
    assert kinds(look) == ["round"] and kinds(news.look(look.after)) == []
