"""`hive quote --advice`: chances and changes as a person reads and types them."""

from io import StringIO

from rich.console import Console

from agent.settings import ProviderSettings
from marketplace.cli.advised import OPTIONS, RATE_NAMES, print_advice, print_markups
from marketplace.protocol.metering import Rates

LEVELS = [
    {"share": 0.5, "price": "900000", "roundsNeeded": 1},
    {"share": 0.9, "price": "1000000", "roundsNeeded": 5},
    {"share": 0.99, "price": None, "roundsNeeded": 49},
]
ADVICE = {
    "price": "1000000",
    "history": {"rounds": 20, "servable": 20, "first": 1, "last": 20, "since": 1_790_000_000},
    "chance": {"price": "1000000", "filled": 19, "rounds": 20, "mean": 0.93, "low": 0.787, "high": 0.995},
    "levels": LEVELS,
    "relaxations": [
        {
            "constraints": ["region", "carbon"],
            "says": ["Allow [b]us[/b] as well", "Allow 300 g CO2 per kWh"],
            "changes": {"requirements.regions": ["eu", "us west"], "requirements.maxCarbonGramsPerKwh": 300},
            "price": "820000",
            "saving": "180000",
        },
        {"constraints": ["stake"], "says": ["Lower"], "changes": {"maxPrice": "500000"}, "price": "9", "saving": None},
    ],
}


def shown(**changes) -> str:
    console = Console(file=StringIO(), width=200)
    print_advice(ADVICE | changes, console)
    return console.file.getvalue()


def test_chances_are_told_with_what_they_rest_on():
    assert "1.000000 USDC would have been enough in 19 of the last 20 rounds" in shown()
    assert "between 79% and 100% of the time" in shown()
    assert "A price for 99% of rounds cannot be told from fewer than 49 rounds." in shown()


def test_changes_are_shown_as_they_are_typed_with_what_they_save():
    text = shown()
    assert "−18.0%" in text
    assert "--region eu --region 'us west' requirements.maxCarbonGramsPerKwh = 300" in text
    assert "--max-price 0.500000" in text
    assert "Allow [b]us[/b] as well and allow 300 g CO2 per kWh" in text, "what others wrote is no markup"


def test_without_history_nothing_is_said_about_chances():
    none = {"rounds": 0, "servable": 0, "first": None, "last": None, "since": None}
    text = shown(history=none, chance=None, levels=[level | {"price": None} for level in LEVELS], relaxations=[])
    assert "nothing can be said about chances" in text
    assert "Nothing that could be asked for less of would make it cheaper now." in text
    assert "cannot be told" not in text


def test_what_was_too_rarely_possible_is_said_so():
    text = shown(levels=[{"share": 0.5, "price": None, "roundsNeeded": 1}])
    assert "No price would have been enough in 50% of rounds" in text


def test_the_options_that_advice_names_are_options(hive):
    told = hive("quote", "--help").out
    assert [option for option in OPTIONS.values() if option not in told] == []


def test_quote_asks_for_advice_only_when_told_to(hive, runnable, market):
    market.answers[("POST", "/api/v1/quotes/advice")] = ADVICE
    assert "Advice" not in hive("quote", runnable).out
    ran = hive("quote", runnable, "--advice", "--max-price", "1")
    assert "would have been enough in 19" in ran.out
    assert market.bodies[-1]["maxPrice"] == "1000000"
    assert hive("quote", runnable, "--advice", "--json").json["advice"] == ADVICE


MARKUPS = {
    "automatic": False, "markup": 1.0, "advised": 1.2, "asks": 3,
    "floor": {"vcpu_hour": 30_000, "minimum": 100}, "rates": {"vcpu_hour": 36_000, "minimum": 120},
    "markups": [
        {"markup": 1.0, "hours": 9.0, "leases": 4.0, "income": 10, "chanceBest": 0.1, "cheaper": 0},
        {"markup": 1.2, "hours": 9.0, "leases": 3.0, "income": 1_480, "chanceBest": 0.9, "cheaper": 1},
        {"markup": 1.5, "hours": 0.0, "leases": 0.0, "income": None, "chanceBest": 0.0, "cheaper": None},
    ],
}  # fmt: skip


def told(**changes) -> list[str]:
    console = Console(file=StringIO(), width=200)
    print_markups(MARKUPS | changes, console)
    return console.file.getvalue().splitlines()


def test_a_provider_sees_what_each_markup_brought_and_the_settings_to_type():
    lines = told()
    assert [line.split()[0] for line in lines if "← advised" in line] == ["1.2"]
    assert "  COMPUTEHIVE_AGENT_VCPU_HOUR_RATE=36000" in lines and "  COMPUTEHIVE_AGENT_MINIMUM_CHARGE=120" in lines
    assert any("1 of 3" in line and "0.001480" in line for line in lines)
    assert "never below your rates" in lines[-1] and "AUTO_PRICE" in lines[-1]


def test_the_settings_that_advice_names_exist():
    names = [f"{RATE_NAMES.get(name, f'{name}_rate')}" for name in Rates.__dataclass_fields__]
    assert [name for name in (*names, "auto_price") if name not in ProviderSettings.model_fields] == []


def test_what_is_not_known_yet_is_said_to_be():
    unknown = [each | {"income": None} for each in MARKUPS["markups"]]
    text = " ".join(told(markups=unknown, advised=1.0, automatic=True))
    assert "nothing is known" in text and "COMPUTEHIVE_AGENT_VCPU" not in text
    assert "chooses by itself (now 1)" in text


def test_fewer_hosts_are_shown_as_options_and_none_as_leaving_them_out():
    change = {"constraints": ["network"], "says": ["Do without b.example:443"], "price": "9", "saving": None}
    fewer = shown(relaxations=[change | {"changes": {"network.hosts": ["a.example:443"]}}])
    none = shown(relaxations=[change | {"changes": {"network": None}}])
    assert "--network a.example:443" in fewer and "without --network" in none
