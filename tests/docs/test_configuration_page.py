"""docs/reference/configuration.md is what the settings' classes say, and says all that they say."""

import re

import pytest
from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

from agent.configfile import keys_of
from agent.settings import KINDS, OracleSettings, ProviderSettings
from marketplace.settings import MarketSettings
from scripts.docs.configuration import MORE, PAGE, USER_VARIABLES, Undescribed, meaning_of, render, value_of
from scripts.toolchain import ROOT

READERS = (MarketSettings, ProviderSettings, OracleSettings)
TEXT = PAGE.read_text()
MARKET_ROWS = {
    row[0]: row
    for row in re.findall(r"^\| `(COMPUTEHIVE_MARKET_\w+)` \| ([^|]*) \| ([^|]+) \| ([^|]+) \|$", TEXT, re.M)
}
AGENT_ROWS = {
    row[0]: row
    for row in re.findall(
        r"^\| `(COMPUTEHIVE_AGENT_\w+)` \| ([^|]*) \| ([^|]*) \| ([^|]+) \| ([^|]+) \|$", TEXT, re.MULTILINE
    )
}


def shown_default(field: FieldInfo) -> str | None:
    """How a table shows a setting's default; None where it depends on the user."""
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return None if field.get_default(call_default_factory=True) else "none"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return "none" if field.default in (None, "", ()) else f"`{field.default}`"


def test_the_committed_page_is_what_the_settings_say():
    assert render() == TEXT, "run `make config-reference` and commit what it writes"


@pytest.mark.parametrize("settings", READERS, ids=lambda kind: kind.__name__)
def test_every_setting_is_on_the_page_with_its_default_and_its_meaning(settings):
    prefix = settings.model_config["env_prefix"]
    for name, field in settings.model_fields.items():
        variable, expected = f"{prefix}{name.upper()}", shown_default(field)
        row = MARKET_ROWS.get(variable) or AGENT_ROWS.get(variable)
        assert row is not None, variable
        assert row[-3] == (expected or row[-3]), variable
        assert row[-1].startswith(" ".join(field.description.split())), variable


def test_a_default_in_the_users_folder_names_no_machines_path():
    assert MARKET_ROWS["COMPUTEHIVE_MARKET_DATA_DIR"][1] == "`computehive/market` in the user's data folder"
    assert AGENT_ROWS["COMPUTEHIVE_AGENT_DATA"][2] == "`computehive/agent` in the user's data folder"


def test_no_setting_is_described_that_does_not_exist():
    known = {f"{kind.model_config['env_prefix']}{name.upper()}" for kind in READERS for name in kind.model_fields}
    assert MARKET_ROWS.keys() | AGENT_ROWS.keys() == known
    assert MORE.keys() <= known


def test_every_daemons_setting_stands_beside_its_key_of_the_file():
    for name, key in keys_of(KINDS).items():
        shown = AGENT_ROWS[f"COMPUTEHIVE_AGENT_{name.upper()}"][1]
        assert shown == (f"`{key.path}`" if key.is_in_file else "none: not for a file")


def test_every_other_variable_that_the_programs_read_is_on_the_page():
    """Those of no class are read by their names, in quotes; what a program is handed or hands on is none of them."""
    handed = {"COMPUTEHIVE_FINDING", "COMPUTEHIVE_SIGNAL", "COMPUTEHIVE_REGION", "COMPUTEHIVE_MCP_RUN"}
    sources = [path.read_text() for top in ("marketplace", "agent") for path in (ROOT / top).rglob("*.py")]
    named = {word for source in sources for word in re.findall(r'"(COMPUTEHIVE_[A-Z_]*[A-Z])"', source)}
    assert named - handed - MARKET_ROWS.keys() - AGENT_ROWS.keys() == USER_VARIABLES.keys()


def test_every_number_with_a_unit_in_its_name_has_it_on_the_page():
    fields = {name: field for kind in READERS for name, field in kind.model_fields.items()}
    numbers = {name for name, field in fields.items() if field.annotation in (int, float, int | None)}
    bare = {name for name in numbers if value_of(name, fields[name]).startswith("number")}
    without = {"port", "metrics_port", "max_connections", "max_feeds", "max_streams"}
    without |= {"units", "wall_factor"}
    assert bare == without, "name its unit, and add it to UNITS"


SHOWN = {
    "pause_seconds": (float, Field(default=1.0, gt=0, le=60), "seconds, above 0, at most 60"),
    "port": (int | None, Field(default=None, ge=0, le=9), "number, 0 to 9"),
    "rack": (str, Field(default="", max_length=64), "text, at most 64 characters"),
    "is_on": (bool, Field(default=False), "`true` or `false`"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_a_setting_may_be_is_its_kind_its_unit_and_its_bounds(name):
    kind, default, shown = SHOWN[name]
    assert value_of(name, FieldInfo.from_annotated_attribute(kind, default)) == shown


def test_a_setting_without_a_meaning_is_refused_by_its_name_with_what_to_do():
    class Bare(BaseModel):
        speed: int = 1

    with pytest.raises(Undescribed, match=r"Bare\.speed has no meaning: write it in a string under the field"):
        meaning_of(Bare, "speed", "COMPUTEHIVE_SPEED")
