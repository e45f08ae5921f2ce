"""One configuration file for the daemons: what it may say, what goes before it, and what is refused by name."""

import json
import re

import pytest

from agent.configfile import CONFIG_ENV, keys_of, read_config
from agent.origins import MASK, list_settings, mask, render_config, write_config
from agent.schedule import Day
from agent.setting_types import LIMITS
from agent.settings import KINDS, AgentSettings, OracleSettings, ProviderSettings, load_settings
from marketplace.errors import SettingsError

KEYS = keys_of(KINDS)
NEEDED = '[orchestrator]\nrpc_url = "http://node"\naddress_book = "book.json"\nkeystore = "key.json"\n'
RENTER = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Writes the file that the daemons read; nothing else states anything."""
    for name in KEYS:
        monkeypatch.delenv(f"COMPUTEHIVE_AGENT_{name.upper()}", raising=False)
    monkeypatch.delenv("COMPUTEHIVE_AGENT_ENV_FILE", raising=False)
    path = tmp_path / "config.toml"
    monkeypatch.setenv(CONFIG_ENV, str(path))

    def write(text, needed=NEEDED):
        path.write_text(needed + text)
        return path

    return write


def held(name, said=None):
    return next(each for each in list_settings(said or {}) if each.key.name == name)


# --- the file ---------------------------------------------------------------------------------------------------------


def test_daemons_take_their_settings_from_the_sections_of_one_file(config):
    config(
        'region = "home"\nprivacy_zones = ["eu-gdpr"]\n[pricing]\nvcpu_hour_rate = 7\nauto_price = true\n[limits]\n'
        f'units = 3\nwall_factor = 2\n[rules]\ndeny_renters = ["{RENTER.lower()}"]\nsandboxes = ["wasm"]\n'
        '[[schedule]]\ndays = ["sat", "sun"]\ntime_zone = "Europe/Paris"\n'
    )
    found = load_settings(ProviderSettings)
    assert (found.region, found.units, found.rates.vcpu_hour, found.auto_price) == ("home", 3, 7, True)
    assert (found.privacy_zones, found.rules.deny_renters, found.sandboxes) == (("eu-gdpr",), (RENTER,), ("wasm",))
    assert found.schedule[0].days == (Day.SAT, Day.SUN)
    assert load_settings(OracleSettings).wall_factor == 2, "the oracle shares the file, and heeds its own"


def test_option_goes_before_the_variable_the_variable_before_the_file_and_the_file_before_the_default(
    config, monkeypatch
):
    assert ProviderSettings.model_fields["units"].default == 1
    config("[limits]\nunits = 2\n")
    assert load_settings(ProviderSettings).units == 2
    monkeypatch.setenv("COMPUTEHIVE_AGENT_UNITS", "3")
    assert load_settings(ProviderSettings).units == 3
    assert load_settings(ProviderSettings, units=4).units == 4


def test_file_of_variables_goes_before_the_sections(config, monkeypatch, tmp_path):
    config("[limits]\nunits = 2\n")
    (tmp_path / "env").write_text("COMPUTEHIVE_AGENT_UNITS=5\n")
    monkeypatch.setenv("COMPUTEHIVE_AGENT_ENV_FILE", str(tmp_path / "env"))
    assert load_settings(ProviderSettings).units == 5
    assert held("units").source == str(tmp_path / "env")


def test_keys_of_hive_above_the_sections_are_not_for_the_daemons(config):
    config(NEEDED, needed='url = "http://users"\nwallet = "mine"\n')
    assert load_settings(ProviderSettings).url == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("[pricing]\ngpu_hour_rat = 5\n", "pricing.gpu_hour_rat", "mean pricing.gpu_hour_rate"),
        ("[pricing]\nunits = 5\n", "pricing.units", r"into \[limits\]"),
        ("[limits]\nschedule = 5\n", "limits.schedule", r"\[\[schedule\]\]"),
        ("[limit]\nunits = 5\n", "limit", "no such setting"),
        ('[limits]\nunits = "2"\n', "limits.units", 'valid integer.*says "2"'),
        ("[limits]\nunits = true\n", "limits.units", "valid integer"),
        ("[limits]\nunits = 2.5\n", "limits.units", "integer"),
        ("[limits]\nunits = 0\n", "limits.units", "greater than or equal to 1"),
        ('[pricing]\nauto_price = "yes"\n', "pricing.auto_price", "valid boolean"),
        ("[rules]\nallow_renters = [1]\n", r"rules.allow_renters\[0\]", "valid string"),
        ('[rules]\nallow_renters = ["0x12"]\n', "rules.allow_renters", "not an account's address"),
        ('[[schedule]]\ntime_zone = "Mars/Olympus"\n', r"schedule\[0\].time_zone", "no time zone"),
        ('[[schedule]]\ndays = ["monday"]\ntime_zone = "UTC"\n', r"schedule\[0\].days\[0\]", "'mon'"),
        ('[[schedule]]\nfrom = "08:00"\ntime_zone = "UTC"\n', r"schedule\[0\].from", "not permitted"),
        ('[[schedule]]\nopens = "08:00Z"\ntime_zone = "UTC"\n', r"schedule\[0\].opens", "local time"),
        ('[[schedule]]\ndays = ["mon"]\n', r"schedule\[0\].time_zone", "required"),
    ],
)
def test_key_that_is_wrong_is_named_with_what_was_expected(config, text, key, words):
    path = config(text)
    with pytest.raises(SettingsError, match=rf"(?s){key}: .*{words}") as refused:
        load_settings(ProviderSettings)
    assert str(path) in str(refused.value)


def test_password_is_not_for_a_file(config):
    config('password = "hunter2"\n')
    with pytest.raises(SettingsError, match=r"orchestrator.password: .*password_file") as refused:
        load_settings(ProviderSettings)
    assert "hunter2" not in str(refused.value)


def test_section_that_is_given_a_value_is_refused():
    with pytest.raises(SettingsError, match="limits: is a section"):
        read_config({"limits": 5}, KEYS, "config.toml")


@pytest.mark.parametrize("text", [b"[limits\n", b"\xff\xfe"])
def test_file_that_cannot_be_read_is_named(config, text):
    path = config("")
    path.write_bytes(text)
    with pytest.raises(SettingsError, match=re.escape(str(path))):
        load_settings(ProviderSettings)


def test_setting_that_is_missing_is_named_as_variable_and_as_key(config):
    config("", needed="")
    with pytest.raises(SettingsError, match=r"COMPUTEHIVE_AGENT_RPC_URL: .*orchestrator.rpc_url"):
        load_settings(ProviderSettings)


def test_field_that_a_model_gains_is_a_key_of_the_file_without_a_second_place():
    class Tomorrow(AgentSettings):
        moons: int = 2
        """How many."""

    keys = keys_of([Tomorrow])
    assert keys["moons"].section == LIMITS.name
    assert read_config({"limits": {"moons": 3}}, keys, "config.toml") == {"moons": 3}


# --- hive config ------------------------------------------------------------------------------------------------------


def test_every_setting_is_listed_once_with_its_value_and_who_says_so(config, monkeypatch):
    path = config("[pricing]\nvcpu_hour_rate = 7\n")
    monkeypatch.setenv("COMPUTEHIVE_AGENT_UNITS", "3")
    listed = list_settings({"region": "option"})
    assert sorted(each.key.name for each in listed) == sorted(KEYS)
    found = {each.key.name: (each.value, each.source) for each in listed}
    assert found["vcpu_hour_rate"] == (7, str(path)) and found["units"] == (3, "environment")
    assert found["gfuel_rate"] == (20, "default") and found["region"][1] == "option"


def test_setting_that_nobody_states_and_that_is_needed_is_listed_as_missing(config):
    config("", needed="")
    assert (held("keystore").value, held("keystore").source) == (None, "missing")
    assert held("data").source == "default"


def test_secrets_are_masked(config, monkeypatch):
    config("", needed=NEEDED.replace("http://node", "https://u:pw@node.example/v3/0123456789abcdef0123456789abcdef"))
    monkeypatch.setenv("COMPUTEHIVE_AGENT_PASSWORD", "hunter2")
    shown = json.dumps([each.to_json() for each in list_settings({})])
    assert "hunter2" not in shown and "pw@" not in shown and "0123456789abcdef" not in shown
    assert held("password").value == MASK
    assert held("rpc_url").value == f"https://{MASK}@node.example/v3/{MASK}"


def test_address_without_a_secret_is_shown_as_it_is():
    for url in ("http://127.0.0.1:8080", "https://mainnet.base.org", "wss://node.example/v1"):
        assert mask(KEYS["url"], url) == url


def test_file_that_is_written_says_every_default_and_changes_nothing(config):
    path = config("")
    path.unlink()
    write_config(path)
    assert path.stat().st_mode & 0o777 == 0o600
    uncommented = re.sub(r"^# (\w+ = (?!\"…\").+)$", r"\1", render_config().split("# When the machine")[0], flags=re.M)
    path.write_text(uncommented)
    found = {each.key.name: each for each in list_settings({})}
    for name, key in KEYS.items():
        stated = found[name].source == str(path)
        default = key.field.get_default(call_default_factory=True)
        assert stated == (key.is_in_file and not key.field.is_required() and default is not None and name != "schedule")
        assert key.field.is_required() or default is None or load_default(name) == default, name


def load_default(name):
    kind = next(kind for kind in KINDS if name in kind.model_fields)
    needed = {"rpc_url": "x", "address_book": "x", "keystore": "x"}
    return getattr(load_settings(kind, **needed), name)


def test_example_of_a_schedule_in_the_file_that_is_written_is_a_schedule(config):
    example = render_config().split("# [[schedule]]")[1]
    config("[[schedule]]" + example.replace("\n# ", "\n"))
    assert len(load_settings(ProviderSettings).schedule) == 1


def test_file_that_exists_is_not_overwritten(config):
    path = config("")
    with pytest.raises(FileExistsError):
        write_config(path)
    assert path.read_text() == NEEDED


def test_registries_are_hosts_as_names_of_images_have_them_and_none_by_default(config):
    config("")
    assert load_settings(ProviderSettings).adapters.registries == ()
    config('[rules]\nregistries = ["registry.example.org", "localhost:5000"]\n')
    assert load_settings(ProviderSettings).adapters.registries == ("registry.example.org", "localhost:5000")


@pytest.mark.parametrize("host", ["https://registry.example.org", "Registry.example.org", "registry", "a.example/team"])
def test_registry_that_no_name_of_an_image_can_have_is_refused_at_the_start(config, monkeypatch, host):
    config("")
    monkeypatch.setenv("COMPUTEHIVE_AGENT_REGISTRIES", host)
    with pytest.raises(SettingsError, match=r"COMPUTEHIVE_AGENT_REGISTRIES.*expected a host in lower case"):
        load_settings(ProviderSettings)


def test_network_hosts_are_patterns_and_none_by_default(config):
    config("")
    assert load_settings(ProviderSettings).adapters.network_hosts == ()
    config('[rules]\nnetwork_hosts = ["any", "*.example.org:8443"]\n')
    assert load_settings(ProviderSettings).adapters.network_hosts == ("any", "*.example.org:8443")


@pytest.mark.parametrize("host", ["*", "https://example.org", "Example.org", "10.0.0.0/8", "any:70000"])
def test_what_names_no_hosts_is_refused_at_the_start(config, monkeypatch, host):
    config("")
    monkeypatch.setenv("COMPUTEHIVE_AGENT_NETWORK_HOSTS", host)
    with pytest.raises(SettingsError, match=r"COMPUTEHIVE_AGENT_NETWORK_HOSTS.*expected HOST"):
        load_settings(ProviderSettings)
