"""Why nobody can run a job, for a person: money with its unit, equal reasons once, what to say instead."""

from io import StringIO

import pytest
from rich.console import Console

from marketplace.cli.jobs import _require_offer
from marketplace.cli.offers import plain_reason, print_offers, reasons_against
from marketplace.errors import ConflictError
from tests.unit.cli.conftest import offer

GPUS = "gpus: 1 of any model needed, [] offered"


def dear(price: int, cap: int = 1) -> dict:
    return offer(price, f"price: {price} micro-USDC, above the cap of {cap}")


def refusal(*offers: dict, replicas: int = 1) -> ConflictError:
    with pytest.raises(ConflictError) as caught:
        _require_offer({"price": None, "offers": offers}, replicas, anyway=False)
    return caught.value


def test_prices_above_the_cap_are_one_reason_in_usdc_and_the_hint_names_a_cap_that_is_enough():
    told = refusal(dear(53_571), dear(74_999), dear(107_142))
    assert told.message == (
        "0 of 1 needed providers can run this now: price: 0.053571 to 0.107142 USDC, above your cap of 0.000001 USDC."
    )
    assert "--max-price 0.053571 or more" in told.hint
    assert "--max-price 0.074999 or more" in refusal(offer(5), dear(53_571), dear(74_999), replicas=3).hint


def test_an_equal_reason_is_said_once():
    assert refusal(offer(1, GPUS), offer(2, GPUS)).message.count("gpus") == 1
    assert reasons_against(
        {"offers": [offer(1, GPUS), offer(2, "region: ['us'] needed, eu offered"), offer(3, GPUS)]}
    ) == [
        "gpus: 1 of any model needed, none offered (2 of them)",
        "region: us needed, eu offered (1 of them)",
    ]


def test_a_price_does_not_help_where_something_else_is_missing_too():
    both = offer(9, GPUS, "price: 9 micro-USDC, above the cap of 1")
    assert "--gpus" in refusal(both).hint


@pytest.mark.parametrize("reason", ["price: 53571 micro-USDC, above the cap of 1", "stake: 53571 needed, 1 offered"])
def test_no_reason_speaks_of_micro_usdc(reason):
    told = plain_reason(reason)
    assert "0.053571 USDC" in told and "0.000001 USDC" in told and "micro" not in told


def test_the_table_shows_the_prices_that_are_above_the_cap():
    console = Console(file=StringIO(), width=110)
    print_offers({"price": None, "offers": [dear(53_571)]}, console)
    assert "0.053571" in console.file.getvalue() and "above your cap" in console.file.getvalue()
