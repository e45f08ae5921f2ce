"""The ring rule: imports point inward, the pure rooms stay pure, and every exception is named with its reason."""

from pathlib import Path

import pytest

from scripts.toolchain import ROOT
from tests.architecture.rings import (
    Exemption,
    find_foreign,
    find_idle_exemptions,
    find_impurities,
    find_uses,
    find_violations,
    is_within,
    read_imports,
    read_modules,
)

ERRORS, PROTOCOL, DOMAIN = "marketplace.errors", "marketplace.protocol", "marketplace.domain"
CLEARING, PORTS, CLIENT = "marketplace.clearing", "marketplace.ports", "marketplace.client"
CHAIN, TELEMETRY, NETWORK = "marketplace.adapters.chain", "marketplace.telemetry", "marketplace.network"
CORE = (DOMAIN, PROTOCOL, ERRORS)

RULES: dict[str, tuple[str, ...]] = {
    "marketplace": (),
    ERRORS: (),
    PROTOCOL: (ERRORS,),
    DOMAIN: (PROTOCOL, ERRORS),
    "marketplace.jit": (),
    # What a process tells about itself; those that do something call it, and it calls nobody.
    TELEMETRY: (PROTOCOL, ERRORS),
    # Which addresses strangers may have a machine call: jobs an agent's, owners of webhooks a market's.
    NETWORK: (),
    CLEARING: ("marketplace.jit", *CORE),
    PORTS: CORE,
    "marketplace.services": (PORTS, CLEARING, TELEMETRY, *CORE),
    "marketplace.adapters": (PORTS, NETWORK, *CORE),
    "marketplace.client": (TELEMETRY, PROTOCOL, ERRORS),
    # The dApp's files, which the interface serves beside itself.
    "marketplace.web": (ERRORS,),
    "marketplace.api": ("marketplace.services", "marketplace.web", TELEMETRY, *CORE),
    # The command line talks to a market like any other client, and checks what it says with the pure rooms.
    "marketplace.cli": (CLIENT, CLEARING, *CORE),
    "marketplace.settings": CORE,
    # Which of the adapters the settings ask for: what bootstrap would do, in a file of its own.
    "marketplace.stores": ("marketplace.settings", "marketplace.adapters", PORTS, *CORE),
    "marketplace.bootstrap": ("marketplace",),
    "marketplace.upkeep": (
        "marketplace.bootstrap",
        TELEMETRY,
        "marketplace.adapters",
        "marketplace.services",
        "marketplace.settings",
        *CORE,
    ),
    # Chains and processes for development: deploys through the checkout's scripts, reads back the address book.
    "marketplace.devnet": (CHAIN, ERRORS),
    # The door for others: names what of the inner rooms they may build on, and adds nothing.
    "marketplace.published": (CHAIN, *CORE),
    "agent": ("agent.sandbox", "agent.tee", CLIENT, TELEMETRY, NETWORK, *CORE),
    "agent.sandbox": (PROTOCOL, ERRORS),
    "agent.tee": (PROTOCOL, ERRORS),
    # The outermost ring: uses everything that is public, and nothing imports it.
    "scripts": (
        "scripts.toolchain",
        "marketplace.cli",
        "marketplace.devnet",
        "marketplace.published",
        "agent",
        "examples",
        CLEARING,
        CLIENT,
        *CORE,
    ),
    # Measures calls that no client of ours makes by hand: straight at the contracts.
    "scripts.bench": ("scripts.toolchain", "marketplace.devnet", "marketplace.adapters.chain", *CORE),
    # How a provider learns what to ask is measured against the auction itself.
    "scripts.bench.clearing": ("scripts.toolchain", "agent.pricing", CLEARING, DOMAIN, PROTOCOL),
    "scripts.bench.tco": ("scripts.toolchain", "scripts.bench.clearing", CLEARING),
    # A whole agent is measured: its sandboxes, and its daemon on a market.
    "scripts.bench.agent": (
        "scripts.toolchain",
        "scripts.container_engine",
        "marketplace.cli",
        "agent",
        CLIENT,
        *CORE,
    ),
    # A whole market is measured, on a chain of its own as well, with all that its processes are made of.
    # Its agents and oracles are told of work as real ones are.
    "scripts.bench.service": ("scripts.toolchain", "scripts.bench", "marketplace", "agent.work_feed"),
    # The dApp in a browser, on a market in memory.
    "scripts.bench.web": ("scripts.toolchain",),
    # Reads every setting off the classes that read it.
    "scripts.docs": ("scripts.toolchain", "agent", "marketplace.cli", "marketplace.settings", CLIENT),
    # Makes keys, contracts and play money for containers, on a chain that runs already.
    "scripts.operations": ("scripts.toolchain", "marketplace.devnet", CHAIN, CLIENT, *CORE),
    # Draws what the auction makes of a handful of orders.
    "scripts.draw_round": ("scripts.toolchain", CLEARING, DOMAIN, PROTOCOL),
    "scripts.setup": ("scripts.toolchain",),
    "scripts.toolchain": (),
    "examples": (),
    "examples.dapp": ("marketplace.published",),
}

EXEMPTIONS = (
    Exemption("marketplace.api.__main__", "marketplace.bootstrap", "the process: asks bootstrap for the wired service"),
    Exemption("marketplace.api.__main__", "marketplace.settings", "the process: reads its settings"),
    Exemption("marketplace.cli.operators", "marketplace.bootstrap", "`hive market` starts the service"),
    Exemption("marketplace.cli.operators", "marketplace.settings", "`hive market` reads the service's settings"),
    Exemption("marketplace.cli.ca", "marketplace.adapters.authority_files", "`hive ca` makes an authority's files"),
    Exemption("marketplace.cli.backups", "marketplace.bootstrap", "`hive market backup` copies the service's folder"),
    Exemption("marketplace.cli.backups", "marketplace.settings", "`hive market backup` reads the service's settings"),
    Exemption("marketplace.cli.upkeep", "marketplace.upkeep", "`hive market prune|copy` work on the service's stores"),
    Exemption("marketplace.cli.upkeep", "marketplace.settings", "`hive market prune|copy` read the service's settings"),
    Exemption("marketplace.cli.operators", "agent.bootstrap", "`hive provider`, `hive oracle` start the daemons"),
    Exemption("marketplace.cli.operators", "agent.settings", "`hive provider`, `hive oracle` read their settings"),
    Exemption("marketplace.cli.operators", "agent.prices", "`hive provider advise` reads what the daemon has learned"),
    Exemption("marketplace.cli.operators", "agent.doctor", "`hive doctor` examines this machine"),
    Exemption("marketplace.cli.agent_settings", "agent.origins", "asks which settings of the daemons are stated"),
    Exemption("marketplace.cli.agent_settings", "agent.settings", "finds the market that the daemons' file names"),
    Exemption("marketplace.cli.configuring", "agent.origins", "`hive config` lists the daemons' settings"),
    Exemption("marketplace.cli.measured", "agent.benchmark", "`hive provider benchmark` measures this machine"),
    Exemption("marketplace.cli.measured", "agent.lock", "`hive provider benchmark` says where a daemon is at work"),
    Exemption("marketplace.cli.measured", "agent.settings", "`hive provider benchmark` finds the daemon's folder"),
    Exemption("marketplace.cli.selftest", "agent.settings", "`hive provider selftest` runs with this machine's"),
    Exemption("marketplace.cli.draining", "agent.drain", "`hive provider drain` tells the daemon through its journal"),
    Exemption("marketplace.cli.draining", "agent.settings", "`hive provider drain` finds the daemon's folder"),
    Exemption("marketplace.cli.updating", "agent.update", "`hive provider update` replaces this installation"),
    Exemption("marketplace.cli.updating", "agent.settings", "`hive provider update` reads whose releases to believe"),
    Exemption(
        "marketplace.cli.provider_views", "agent.income", "`hive provider earnings` follows the chain as agents do"
    ),
    Exemption(
        "marketplace.cli.provider_views", "agent.inventory", "`hive provider earnings` counts this machine's GPUs"
    ),
    Exemption("marketplace.cli.node_server", "agent.mcp.serve", "`hive provider mcp` serves this machine's sandboxes"),
    Exemption("marketplace.cli.node_server", "agent.settings", "`hive provider mcp` reads the machine's settings"),
    Exemption("marketplace.cli.wiring", CHAIN, "the one place where the command line connects to a chain itself"),
    Exemption("marketplace.cli.localmarket", CHAIN, "sets up accounts on the local chain of `hive dev`"),
    Exemption("marketplace.cli.localmarket", "marketplace.devnet", "runs the processes of `hive dev`"),
    Exemption("marketplace.cli.dev", "marketplace.devnet", "checks the ports of `hive dev`"),
    Exemption("marketplace.cli.devhistory", "marketplace.devnet", "its process ends with `hive dev`"),
    Exemption(
        "marketplace.cli.devwallet.beside", "marketplace.devnet", "takes a free port for the pages of `hive dev`"
    ),
    Exemption("marketplace.cli.devwallet.pages", "marketplace.devnet", "tells what the chain of `hive dev` refused"),
    Exemption("marketplace.cli.devwallet.pages", "marketplace.web", "`hive dev` serves the dApp with a test wallet"),
    Exemption("marketplace.cli.faucet", "marketplace.devnet", "asks the chain of `hive dev` for test money"),
    Exemption("marketplace.devnet.chain", "scripts.toolchain", "a checkout's tools; an installed wheel is given none"),
    Exemption("scripts.audit.__main__", "scripts.setup", "installs the audit's tools, step by step as setup does"),
    Exemption("agent.bootstrap", CHAIN, "wires the daemons, which follow the chain themselves"),
    Exemption("agent.doctor.chain", CHAIN, "examines the connection to the chain"),
)

PURE_ROOMS = (PROTOCOL, DOMAIN, CLEARING, ERRORS)
PURE = (
    "abc", "base64", "bisect", "collections", "concurrent", "dataclasses", "decimal", "enum", "fractions", "functools",
    "hashlib", "heapq", "hmac", "itertools", "json", "math", "operator", "re", "statistics", "string", "struct",
    "types", "typing", "coincurve", "eth_abi", "eth_account", "eth_utils", "numba", "numpy", "pydantic",
    "pydantic_core", "rfc8785",
)  # fmt: skip
"""What a function of its arguments may need: no input or output, framework, clock or randomness."""
IMPURE_USES = ("open", "print", "input", "np.random", "numpy.random", "Account.create", "eval", "exec", "__import__")

TREE = ("marketplace", "agent", "scripts", "examples")


@pytest.fixture(scope="module")
def modules():
    return read_modules(ROOT, TREE)


@pytest.fixture(scope="module")
def imports(modules):
    return read_imports(modules)


def test_imports_point_inward(imports):
    assert find_violations(imports, RULES, EXEMPTIONS) == []


def test_every_exemption_is_still_needed(imports):
    assert find_idle_exemptions(imports, EXEMPTIONS) == []


def test_every_rule_is_about_a_room_that_exists(modules):
    assert [room for room in RULES if not any(is_within(name, room) for name in modules)] == []


def test_pure_rooms_import_nothing_that_reaches_outside(imports):
    assert find_impurities(imports, PURE_ROOMS, PURE, "marketplace") == []


def test_pure_rooms_reach_outside_in_no_other_way(modules):
    assert find_uses(modules, PURE_ROOMS, IMPURE_USES) == []


def test_numbers_as_floats_stay_in_clearing(imports):
    users = {found.importer for found in imports if found.target.partition(".")[0] in ("numpy", "scipy")}
    assert [user for user in users if user.startswith("marketplace.") and not user.startswith(CLEARING)] == []


def test_setup_runs_before_anything_is_installed(imports):
    assert find_foreign(imports, ["scripts.setup", "scripts.toolchain"], ["scripts.toolchain"]) == []


def test_nothing_imports_the_tests_but_what_runs_them_and_the_bench_on_a_chain_in_memory(imports):
    users = {found.importer for found in imports if found.target.partition(".")[0] == "tests"}
    assert users == {"scripts.audit.testbed", "scripts.bench.service.fakes", "scripts.bench.web.fakes"}


# --- the checker itself, on small trees with a fault planted ----------------------------------------------------------


def plant(root: Path, **sources: str):
    """A tree of modules, `__` for a dot in their names, with every package on the way."""
    for name, source in sources.items():
        path = root.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        for folder in path.parents[: len(name.split("__")) - 1]:
            (folder / "__init__.py").touch()
    return read_modules(root, ["marketplace"])


@pytest.mark.parametrize(
    "source",
    [
        "import marketplace.services.place_order",
        "from marketplace.services import place_order",
        "from marketplace import services",
        "from marketplace.services.place_order import run",
        "from ..services import place_order",
        "from .. import services",
        "def late():\n    from marketplace.services import place_order",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from marketplace.services import place_order",
    ],
)
def test_an_outward_import_is_found_in_every_form(tmp_path, source):
    modules = plant(tmp_path, marketplace__domain__book=source, marketplace__services__place_order="")
    found = find_violations(read_imports(modules), {**RULES, "marketplace": ()})
    assert len(found) == 1
    assert "marketplace.domain.book:" in found[0] and "marketplace.services" in found[0]


def test_an_inward_import_is_no_violation(tmp_path):
    source = "import json\nfrom marketplace.domain.book import Book\nfrom marketplace import errors"
    modules = plant(tmp_path, marketplace__services__a=source, marketplace__domain__book="", marketplace__errors="")
    assert find_violations(read_imports(modules), RULES) == []


def test_an_exemption_serves_one_module_only(tmp_path):
    source = "from marketplace.adapters.chain import ChainReader"
    modules = plant(tmp_path, marketplace__cli__wiring=source, marketplace__cli__jobs=source)
    found = find_violations(read_imports(modules), RULES, EXEMPTIONS)
    assert found == ["marketplace.cli.jobs:1: marketplace.cli must not import marketplace.adapters.chain"]


def test_an_exemption_that_nobody_uses_is_found(tmp_path):
    modules = plant(tmp_path, marketplace__cli__wiring="import json")
    idle = Exemption("marketplace.cli.wiring", CHAIN, "planted")
    assert find_idle_exemptions(read_imports(modules), [idle]) == [idle]


def test_a_room_without_a_rule_may_import_nothing_of_ours(tmp_path):
    modules = plant(tmp_path, marketplace__gossip__wire="from marketplace.domain import book")
    assert find_violations(read_imports(modules), RULES) == [
        "marketplace.gossip.wire:1: marketplace must not import marketplace.domain"
    ]


@pytest.mark.parametrize(
    "module", ["os", "time", "random", "secrets", "datetime", "httpx", "importlib", "scipy.optimize"]
)
def test_an_impure_import_is_found(tmp_path, module):
    modules = plant(
        tmp_path, marketplace__clearing__auction=f"import {module}", marketplace__api__app=f"import {module}"
    )
    found = find_impurities(read_imports(modules), PURE_ROOMS, PURE, "marketplace")
    assert found == [f"marketplace.clearing.auction:1: pure code must not import {module}"]


@pytest.mark.parametrize("source", ["open('x')", "print(1)", "import numpy as np\nnp.random.default_rng()"])
def test_reaching_outside_without_an_import_is_found(tmp_path, source):
    modules = plant(tmp_path, marketplace__domain__book=source)
    assert len(find_uses(modules, PURE_ROOMS, IMPURE_USES)) == 1
