"""Says what a deployment would send and cost. Nothing is sent.

    python -m scripts.dry_run base --governor 0x… --treasury 0x… --oracle 0x… --oracle 0x… --threshold 2 --deployer 0x…
        [--rpc URL] [--nonce N] [--gas-price GWEI] [--json]

Gas is measured in the same run, by deploying to a local chain. With `--rpc` chain id and token are checked there, and
nonce and gas price are asked for where they are not given.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import rlp
from eth_utils import is_address, keccak, to_checksum_address

from marketplace.devnet import Devnet
from scripts.networks import NetworkError, Profile, check_network, load_profile
from scripts.toolchain import BROWNIE_HOME, BROWNIE_VENV, ROOT, brownie_environment

REHEARSAL_SECONDS = 240
GWEI = Decimal(10) ** 9


class DryRunError(Exception):
    """The deployment could not be planned; the message says what to do."""


@dataclass(frozen=True)
class Plan:
    """What would be sent, in order, with the addresses that it would have there."""

    profile: Profile
    deployer: str
    first_nonce: int
    steps: list[dict[str, Any]]
    gas_price: Decimal | None
    """Gwei; None where nobody said and no RPC was asked."""
    checked: bool
    """Whether chain and token were looked at."""

    @property
    def gas(self) -> int:
        return sum(step["gas"] for step in self.steps)

    @property
    def cost(self) -> Decimal | None:
        """In the chain's own currency."""
        return None if self.gas_price is None else self.gas * self.gas_price / GWEI

    def to_json(self) -> dict[str, Any]:
        return {
            "network": self.profile.network,
            "chainId": self.profile.chain_id,
            "token": self.profile.token.address,
            "checkedAtRpc": self.checked,
            "deployer": self.deployer,
            "firstNonce": self.first_nonce,
            "transactions": self.steps,
            "gas": self.gas,
            "gasPriceGwei": None if self.gas_price is None else str(self.gas_price),
            "cost": None if self.cost is None else f"{self.cost:f}",
            "currency": self.profile.native_currency,
        }


def address_after(deployer: str, nonce: int) -> str:
    """The address of the contract that an account creates with this nonce."""
    return to_checksum_address(keccak(rlp.encode([bytes.fromhex(deployer[2:]), nonce]))[12:])


def rehearse(parameters: dict[str, Any]) -> dict[str, Any]:
    """What scripts/rehearse.py noted on a local chain. Raises DryRunError with what it said where it refused."""
    with tempfile.TemporaryDirectory() as folder, Devnet(Path(folder)) as chain:
        noted, home = Path(folder) / "rehearsal.json", Path(folder) / "brownie-home"
        if (BROWNIE_HOME / ".brownie").exists():
            shutil.copytree(BROWNIE_HOME / ".brownie", home / ".brownie")
        env = brownie_environment(chain.rpc_url, home)
        env |= {"HIVE_DEPLOYMENT": json.dumps(parameters), "HIVE_REHEARSAL": str(noted)}
        command = [str(BROWNIE_VENV / "bin" / "brownie"), "run", "scripts/rehearse.py", "main", "--network", "hive"]
        try:
            ran = subprocess.run(
                command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=REHEARSAL_SECONDS,
                stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise DryRunError(f"The rehearsal took more than {REHEARSAL_SECONDS} s.") from error
        if not noted.exists():
            raise DryRunError(_last_line(ran.stdout + ran.stderr))
        return json.loads(noted.read_text())


def plan_deployment(
    profile: Profile,
    rehearsal: dict[str, Any],
    deployer: str,
    first_nonce: int,
    gas_price: Decimal | None,
    *,
    checked: bool,
) -> Plan:
    """The rehearsed transactions with the addresses that they would have from `deployer`."""
    addresses = {rehearsal["token"]: profile.token.address}
    for offset, step in enumerate(rehearsal["steps"]):
        addresses[step["address"]] = address_after(deployer, first_nonce + offset)
    steps = [_renamed(step, addresses) for step in rehearsal["steps"]]
    return Plan(profile, deployer, first_nonce, steps, gas_price, checked)


def _renamed(value: Any, addresses: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(each, addresses) for key, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, addresses) for each in value]
    return addresses.get(value, value) if isinstance(value, str) else value


def render(plan: Plan, parameters: dict[str, Any]) -> str:
    """The plan for people."""
    token = plan.profile.token
    seen = "checked at the RPC" if plan.checked else "NOT checked: no --rpc"
    lines = [
        f"{plan.profile.title}, chain {plan.profile.chain_id} ({seen})",
        f"{token.symbol} {token.address}, as {token.source} has it",
        f"from {plan.deployer}, nonce {plan.first_nonce} onwards; nothing is sent",
        "",
    ]
    for number, step in enumerate(plan.steps, 1):
        lines.append(f"{number:2}  {step['contract']:<16} {step['gas']:>10,} gas  {step['address']}")
        lines += [f"      {name} = {_shown(value)}" for name, value in step["arguments"].items()]
    lines += ["", f"    total            {plan.gas:>10,} gas  {_cost(plan)}"]
    size = sum(step["calldataBytes"] for step in plan.steps)
    lines.append(f"    A rollup charges for {size:,} bytes of calldata besides.")
    bond = Decimal(parameters["minimumBond"]) / 10**token.decimals
    lines += [
        "",
        f"Afterwards each of the {len(set(parameters['oracles']))} oracles bonds {bond:,f} {token.symbol}"
        " (`approve`, then `bondFor` of OracleCommittee); once all have, anyone calls `start`.",
    ]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _cost(plan: Plan) -> str:
    if plan.cost is None:
        return "(give --gas-price or --rpc for what it costs)"
    return f"{plan.cost:.8f} {plan.profile.native_currency} at {plan.gas_price.normalize():f} gwei"


def _last_line(output: str) -> str:
    told = [line.strip() for line in output.splitlines() if line.strip()]
    return told[-1] if told else "the rehearsal said nothing"


def rpc_request(url: str):
    """JSON-RPC requests to `url`. They raise DryRunError where nobody answers, ValueError for a refusal."""

    def request(method: str, parameters: list) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        try:
            answer = httpx.post(url, json=body, timeout=15).json()
        except (httpx.HTTPError, ValueError) as error:
            raise DryRunError(f"The RPC {url} does not answer: {error}") from error
        if "error" in answer:
            raise ValueError(answer["error"].get("message"))
        return answer["result"]

    return request


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options. Ends the process with what is wrong with them."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.dry_run", description="What a deployment would do and cost."
    )
    parser.add_argument("network", help="a profile of scripts/profiles, or a path to one")
    parser.add_argument("--governor", help="who announces what governance wants")
    parser.add_argument("--treasury", help="where fees go; the governor if not given")
    parser.add_argument("--oracle", action="append", default=[], dest="oracles", help="once for each member")
    parser.add_argument("--threshold", type=int, help="how many must sign")
    parser.add_argument("--deployer", help="the account that will pay")
    parser.add_argument("--nonce", type=int, help="its next nonce, where no RPC is asked; else 0")
    parser.add_argument("--rpc", help="URL of a node of that network, to check chain and token")
    parser.add_argument("--gas-price", type=Decimal, help="gwei")
    parser.add_argument("--json", action="store_true", help="print data only")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """0 if the plan could be made, 1 with a line that says why not."""
    options = parse(arguments)
    try:
        plan, parameters = _plan(options)
    except (DryRunError, NetworkError) as error:
        print(f"dry run: {error}", file=sys.stderr)
        return 1
    print(json.dumps(plan.to_json(), indent=2) if options.json else render(plan, parameters))
    return 0


def _plan(options: argparse.Namespace) -> tuple[Plan, dict[str, Any]]:
    profile = load_profile(options.network)
    missing = [name for name in ("governor", "oracles", "threshold", "deployer") if not getattr(options, name)]
    if missing:
        raise DryRunError(f"{', '.join(missing)} must be given: nobody else can say who governs and judges.")
    if not is_address(options.deployer):
        raise DryRunError(f"deployer: {options.deployer!r} is not an address.")
    deployer = to_checksum_address(options.deployer)
    nonce, gas_price = options.nonce or 0, options.gas_price
    if options.rpc:
        request = rpc_request(options.rpc)
        check_network(profile, request)
        if options.nonce is None:
            nonce = int(request("eth_getTransactionCount", [deployer, "latest"]), 16)
        if gas_price is None:
            gas_price = int(request("eth_gasPrice", []), 16) / GWEI
    given = {
        "profile": os.path.abspath(options.network) if options.network.endswith(".json") else options.network,
        "oracles": options.oracles,
        "threshold": options.threshold,
        "treasury": options.treasury or options.governor,
        "governor": options.governor,
    }
    plan = plan_deployment(profile, rehearse(given), deployer, nonce, gas_price, checked=bool(options.rpc))
    return plan, {**profile.deployment(), **given}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
