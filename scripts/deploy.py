"""Deploys the contracts with Brownie and writes one address book per network.

    brownie run scripts/deploy.py main --network hive

Parameters come as JSON in the environment variable HIVE_DEPLOYMENT:

    {"network": "local", "oracles": ["0x…", …], "threshold": 2, "treasury": "0x…", "governor": "0x…",
     "timelockDelay": 172800, "unbondingDelay": 604800, "claimWindow": 86400, "disputeWindow": 259200,
     "minimumBond": 1000000000, "bondDelay": 604800, "withdrawalDelay": 86400, "token": "0x…" | null,
     "mint": {"0x…": 1000000}}

`withdrawalDelay`, of prepaid balances, is a day unless it is given.
On a real network, `"profile": "base"` (a file of scripts/profiles, or a path to one of your own) stands for `network`,
`token` and all that has a default there; chain id and token are checked at the RPC before anything is sent.
HIVE_DEPLOYER names the keystore file of the account that pays (HIVE_DEPLOYER_PASSWORD_FILE its password's, or Brownie
asks), else the chain's first unlocked account does.
`python -m scripts.dry_run` says beforehand what would be sent and what it costs, `python -m scripts.send_deployment`
sends it.

Without a `token` a USDC stand-in is deployed, `mint` (micro-USDC by account) filled, every oracle bonded and the
committee started. With one, the oracles bond themselves (`OracleCommittee.bondFor`); once all have, anyone may call
`start`, and nothing can be settled by verdicts before. The deployer keeps no power: the contracts belong to the
timelock from the first block.
"""

import json
import os
import re
from pathlib import Path

from brownie import accounts, network, project, web3
from eth_utils import is_address

from scripts.networks import NetworkError, Profile, check_network, load_profile

ROOT = Path(__file__).resolve().parent.parent
_REQUIRED = (
    "network", "oracles", "threshold", "treasury", "governor", "timelockDelay", "unbondingDelay", "claimWindow",
    "disputeWindow", "minimumBond", "bondDelay",
)  # fmt: skip

WITHDRAWAL_DELAY = 86_400


class DeploymentError(ValueError):
    """The deployment parameters are incomplete or contradict themselves."""


def read_parameters(text: str | None) -> dict:
    """The deployment parameters in a JSON text. Raises DeploymentError saying which one is wrong."""
    if not text:
        raise DeploymentError("HIVE_DEPLOYMENT is not set: see the head of scripts/deploy.py for what it must hold.")
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise DeploymentError(f"HIVE_DEPLOYMENT is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise DeploymentError("HIVE_DEPLOYMENT is not a JSON object.")
    given = _with_profile(given)
    missing = [name for name in _REQUIRED if name not in given]
    if missing:
        raise DeploymentError(f"HIVE_DEPLOYMENT lacks {', '.join(missing)}.")
    given.setdefault("withdrawalDelay", WITHDRAWAL_DELAY)
    _require_addresses(given)
    _require_numbers(given)
    if not re.fullmatch(r"[a-z0-9-]+", str(given["network"])):
        raise DeploymentError(f"network: {given['network']!r} must be lower-case letters, digits and dashes.")
    distinct = len({address.lower() for address in given["oracles"]})
    if not 0 < given["threshold"] <= distinct:
        raise DeploymentError(f"threshold: {given['threshold']} of {distinct} distinct oracles cannot be met.")
    return given


def profile_of(given: dict) -> Profile | None:
    """The profile that deployment parameters name. Raises DeploymentError if it is none."""
    try:
        return load_profile(given["profile"]) if given.get("profile") else None
    except NetworkError as error:
        raise DeploymentError(f"profile: {error}") from error


def _with_profile(given: dict) -> dict:
    profile = profile_of(given)
    if profile is None:
        return given
    contradicting = sorted({"network", "token", "mint"} & given.keys())
    if contradicting:
        raise DeploymentError(f"{', '.join(contradicting)}: the profile {profile.network} says that.")
    return {**profile.deployment(), **given}


def _require_addresses(given: dict) -> None:
    mint, oracles = given.get("mint", {}), given["oracles"]
    if not isinstance(oracles, list):
        raise DeploymentError(f"oracles: {oracles!r} is not a list of addresses.")
    if not isinstance(mint, dict):
        raise DeploymentError(f"mint: {mint!r} is not an object of micro-USDC by address.")
    token = [("token", given["token"])] if given.get("token") else []
    named = [("treasury", given["treasury"]), ("governor", given["governor"]), *token]
    named += [("oracles", each) for each in oracles] + [("mint", each) for each in mint]
    for name, value in named:
        if not is_address(value):
            raise DeploymentError(f"{name}: {value!r} is not an address (0x and 40 hex digits, EIP-55 if mixed).")


def _require_numbers(given: dict) -> None:
    delays = dict.fromkeys(("timelockDelay", "unbondingDelay", "bondDelay"), (0, 2**32))
    windows = dict.fromkeys(("claimWindow", "disputeWindow"), (1, 2**32))
    windows["withdrawalDelay"] = (3_600, 30 * 86_400 + 1)  # what the contract takes
    for name, (low, limit) in {"threshold": (0, 2**8), "minimumBond": (0, 2**96), **delays, **windows}.items():
        value = given[name]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value < limit:
            raise DeploymentError(f"{name}: {value!r} is not an integer from {low} to {limit - 1}.")
    for account, amount in given.get("mint", {}).items():
        if not str(amount).isdecimal():
            raise DeploymentError(f"mint: {amount!r} for {account} is not a number of micro-USDC.")


def deploy(contracts, deployer, parameters: dict) -> dict:
    """Deploys everything from `deployer` and returns the contracts by name."""
    if parameters.get("token"):
        return deploy_on_token(contracts, deployer, contracts.FiatToken.at(parameters["token"]), parameters)
    token = deployer.deploy(contracts.FiatToken)
    for account, amount in parameters.get("mint", {}).items():
        token.mint(account, int(amount), {"from": deployer})
    deployed = deploy_on_token(contracts, deployer, token, parameters)
    start_committee(deployed["OracleCommittee"], deployer, token, parameters)
    return deployed


def deploy_on_token(contracts, deployer, token, parameters: dict) -> dict:
    """Deploys everything but the token, which exists, and returns the contracts by name."""
    timelock = deployer.deploy(contracts.Timelock, parameters["timelockDelay"], [parameters["governor"]])
    # Committee and stake know the escrow, and it knows them: one side must learn an address before it exists.
    expected = deployer.get_deployment_address(deployer.nonce + 2)
    committee = deployer.deploy(
        contracts.OracleCommittee, token, expected, members_of(parameters), parameters["threshold"],
        parameters["minimumBond"], parameters["bondDelay"], timelock,
    )  # fmt: skip
    stake = deployer.deploy(contracts.ProviderStake, token, expected, parameters["unbondingDelay"])
    escrow = deployer.deploy(
        contracts.Escrow, token, stake, committee, parameters["treasury"], timelock, parameters["claimWindow"],
        parameters["disputeWindow"],
    )  # fmt: skip
    if escrow.address != expected:
        raise DeploymentError(f"Escrow landed at {escrow.address}, not at {expected}: the deployer sent in between.")
    channels = deployer.deploy(contracts.PaymentChannels, token)
    modules = deployer.deploy(contracts.ModuleRegistry)
    prepaid = deployer.deploy(contracts.Prepaid, escrow, parameters.get("withdrawalDelay", WITHDRAWAL_DELAY), timelock)
    return {
        "USDC": token,
        "Timelock": timelock,
        "OracleCommittee": committee,
        "ProviderStake": stake,
        "Reputation": deployer.deploy(contracts.Reputation, escrow, stake),
        "Messages": deployer.deploy(contracts.Messages),
        "Escrow": escrow,
        "PaymentChannels": channels,
        "ModuleRegistry": modules,
        "Prepaid": prepaid,
    }


def start_committee(committee, deployer, token, parameters: dict) -> None:
    """Bonds every oracle with a token that can be minted, and lets the committee begin."""
    members, bond = members_of(parameters), parameters["minimumBond"]
    if bond:
        token.mint(deployer, bond * len(members), {"from": deployer})
        token.approve(committee, bond * len(members), {"from": deployer})
        for member in members:
            committee.bondFor(member, bond, {"from": deployer})
    committee.start({"from": deployer})


def members_of(parameters: dict) -> list[str]:
    """The oracles as the committee wants them: distinct, ascending as numbers."""
    return sorted(set(parameters["oracles"]), key=lambda address: int(address, 16))


def address_book(name: str, chain_id: int, block: int, deployed: dict) -> dict:
    """What clients need to find the contracts."""
    return {
        "network": name,
        "chainId": chain_id,
        "deployedAtBlock": block,
        "contracts": {key: contract.address for key, contract in sorted(deployed.items())},
    }


def write_address_book(book: dict, folder: Path) -> Path:
    """Write `<folder>/<network>.json`, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{book['network']}.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(book, indent=2) + "\n")
    partial.replace(path)
    return path


def request(method: str, parameters: list):
    """A JSON-RPC request to the connected network."""
    answer = web3.provider.make_request(method, parameters)
    if "error" in answer:
        raise ValueError(answer["error"])
    return answer["result"]


def _load_deployer():
    """The account of the keystore that HIVE_DEPLOYER names, or the chain's first unlocked one."""
    keystore, password = os.environ.get("HIVE_DEPLOYER"), os.environ.get("HIVE_DEPLOYER_PASSWORD_FILE")
    if not keystore:
        return accounts[0]
    return accounts.load(keystore, password=Path(password).read_text().strip() if password else None)


def main() -> None:
    """Deploy to the connected network as HIVE_DEPLOYMENT says."""
    parameters = read_parameters(os.environ.get("HIVE_DEPLOYMENT"))
    profile = profile_of(parameters)
    if profile is not None:
        check_network(profile, request)
    network.gas_price(os.environ.get("HIVE_GAS_PRICE", "20 gwei" if profile is None else "auto"))
    contracts = project.get_loaded_projects()[0]
    if network.show_active() == "hive-live":
        for container in contracts:  # Brownie 1.22 fails on noting a live network's sources in a database of its own
            container._build.pop("allSourcePaths", None)
    deployer = _load_deployer()
    first_block = network.chain.height + 1
    deployed = deploy(contracts, deployer, parameters)
    book = address_book(parameters["network"], network.chain.id, first_block, deployed)
    folder = Path(os.environ.get("HIVE_DEPLOYMENTS_FOLDER", ROOT / "build" / "deployments"))
    print(f"Address book: {write_address_book(book, folder)}")
