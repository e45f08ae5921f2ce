"""The compose file: hardened, healthy before it is used, secrets as files, known settings; and what `play` makes."""

import re
import shutil
import stat
import subprocess
import tomllib

import pytest
import yaml

from agent.settings import KINDS
from marketplace.adapters.chain import AddressBook, ChainReader, Contracts
from marketplace.client.keystore import Keystore, KeystoreFolder
from marketplace.devnet import Devnet
from marketplace.settings import MarketSettings
from scripts.operations.play import DEPOSIT, RENTER, SERVICES, STAKE, deploy, main, make_secrets
from scripts.toolchain import ROOT

FILE = ROOT / "scripts" / "operations" / "compose" / "compose.yaml"
COMPOSE = yaml.safe_load(FILE.read_text())
SERVED = COMPOSE["services"]
CONTAINERFILE = (ROOT / "scripts" / "service" / "Containerfile").read_text()
each_service = pytest.mark.parametrize("name", sorted(SERVED))


@each_service
def test_a_service_has_a_read_only_root_no_capability_and_bounds(name):
    service = SERVED[name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "network_mode", "userns_mode"} & service.keys()
    assert service["mem_limit"] and service["pids_limit"] and service["logging"]["options"]["max-size"]


@each_service
def test_an_image_has_a_tag_of_its_own(name):
    tag = re.fullmatch(r"(?:\$\{\w+:-)?[\w./-]+:([\w.-]+)\}?", SERVED[name]["image"])[1]
    assert tag != "latest" and re.match(r"\d+\.\d+", tag)


@each_service
def test_a_service_is_reached_from_this_machine_alone_unless_its_owner_says_otherwise(name):
    assert all(port.startswith("127.0.0.1:") for port in SERVED[name].get("ports", []))


def test_the_services_that_others_wait_for_say_when_they_are_healthy():
    waited = {name for service in SERVED.values() for name in service.get("depends_on", {})}
    assert waited == {"database", "api"}
    assert all(
        one["condition"] == "service_healthy" for each in SERVED.values() for one in each.get("depends_on", {}).values()
    )
    assert {name for name, service in SERVED.items() if "healthcheck" in service} >= {*waited, "workers", "chain"}


def test_secrets_are_files_and_stand_in_no_variable():
    used = {name for service in SERVED.values() for name in service.get("secrets", [])}
    assert used == COMPOSE["secrets"].keys()
    assert all(given["file"].endswith("/" + name) for name, given in COMPOSE["secrets"].items())
    variables = {name for service in SERVED.values() for name in service.get("environment", {})}
    assert not {name for name in variables if re.search(r"(PASSWORD|DATABASE_URL|KEY)$", name)}


@each_service
def test_every_setting_of_a_service_is_one_that_its_program_reads_and_a_path_is_a_secret_that_it_has(name):
    market = {f"COMPUTEHIVE_MARKET_{field.upper()}" for field in MarketSettings.model_fields}
    agent = {f"COMPUTEHIVE_AGENT_{field.upper()}" for kind in KINDS for field in kind.model_fields}
    service = SERVED[name]
    for variable, value in service.get("environment", {}).items():
        assert not variable.startswith("COMPUTEHIVE_") or variable in market | agent | {"COMPUTEHIVE_AGENT_CONFIG_FILE"}
        if value.startswith("/run/secrets/"):
            assert value.removeprefix("/run/secrets/") in service["secrets"]


def test_only_the_play_chain_and_who_works_for_it_need_the_profile():
    assert {name for name, service in SERVED.items() if service.get("profiles") == ["dev"]} == {
        "chain", "provider", "oracle",
    }  # fmt: skip


def test_each_image_of_ours_is_a_stage_of_the_containerfile_that_runs_by_number_as_nobody_of_importance():
    assert re.findall(r"^FROM \S+ AS (\w+)$", CONTAINERFILE, re.M) == ["build", "runtime", "market", "provider"]
    assert "USER 10001:10001" in CONTAINERFILE and "USER root" not in CONTAINERFILE


def test_the_image_has_every_extra_that_a_setting_of_the_market_needs():
    """All there are but tools for development and for benchmarks, and `mcp` and `ray`, which are a provider's."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    extras = set(re.search(r"\"/src\[([\w,]+)\]\"", CONTAINERFILE)[1].split(","))
    assert extras == known.keys() - {"benchmark", "dev", "mcp", "ray"}


def composers() -> list[list[str]]:
    """The programs here that read such files: compose as Docker's plugin, and the older one by itself."""
    plugin = (
        shutil.which("docker")
        and not subprocess.run(
            ["docker", "compose", "version"], capture_output=True, timeout=60, check=False
        ).returncode
    )
    return [["docker", "compose"]] * bool(plugin) + [["docker-compose"]] * bool(shutil.which("docker-compose"))


def test_compose_reads_the_file(tmp_path):
    """Version 1 knows no `name`; nothing else is left out for it."""
    found = composers()
    if not found:
        pytest.skip("neither `docker compose` nor docker-compose is installed")
    for command in found:
        text = FILE.read_text()
        (tmp_path / "compose.yaml").write_text(re.sub(r"(?m)^name:.*\n", "", text) if len(command) == 1 else text)
        ran = subprocess.run(
            [*command, "-f", str(tmp_path / "compose.yaml"), "--profile", "dev", "config", "--quiet"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr


# --- what `play` makes ------------------------------------------------------------------------------------------------


def test_play_makes_every_secret_of_the_file_but_the_address_book_for_containers_and_nobody_else(tmp_path):
    folder = tmp_path / "secrets"
    make_secrets(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in COMPOSE["secrets"].keys() - {"address-book"}:
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o644
    password = (folder / "database-password").read_text().strip()
    assert (folder / "database-url").read_text() == f"postgresql+psycopg://market:{password}@database/market\n"


def test_play_keeps_the_keys_that_are_there_and_each_opens_with_its_password(tmp_path):
    first = make_secrets(tmp_path)
    assert make_secrets(tmp_path) == first
    for name in SERVICES:
        password = (tmp_path / f"{name}-password").read_text().strip()
        assert Keystore.load(tmp_path / f"{name}-keystore").unlock(password).address == first[name].address
    assert KeystoreFolder(tmp_path / "home" / "keystores").get(RENTER).address == first[RENTER].address
    assert len({player.address for player in first.values()}) == 4


def test_play_says_that_no_chain_answers(tmp_path, capsys):
    assert main(["--folder", str(tmp_path), "--rpc-url", "http://127.0.0.1:9"]) != 0
    assert capsys.readouterr().err.startswith("play: ")


@pytest.mark.timeout(300)
def test_play_puts_contracts_a_stake_and_a_deposit_on_a_chain_that_runs_already(tmp_path):
    with Devnet(tmp_path / "ganache") as chain:
        players = make_secrets(tmp_path)
        book = deploy(tmp_path, chain.rpc_url, players)
        assert AddressBook.load(tmp_path / "address-book") == book
        reader = ChainReader(Contracts(chain.rpc_url, book))
        assert reader.balance(players[RENTER].address).free == DEPOSIT
        assert reader.stake(players["provider"].address).active == STAKE
