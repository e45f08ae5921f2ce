"""ganache with the contracts on it."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from marketplace.adapters.chain import AddressBook
from marketplace.devnet.jsonrpc import call
from marketplace.devnet.process import ManagedProcess, ProcessFailed, free_port, require_free_port
from marketplace.errors import SettingsError

READY_SECONDS = 60
DEPLOY_SECONDS = 120
NETWORK = "local"
CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Deployment:
    """Who is who on a fresh chain. Amounts are micro-USDC, delays seconds."""

    oracles: Sequence[str]
    threshold: int
    treasury: str
    governor: str
    mint: Mapping[str, int] = field(default_factory=dict)
    timelock_delay: int = 172_800
    unbonding_delay: int = 604_800
    claim_window: int = 86_400
    dispute_window: int = 259_200
    minimum_bond: int = 1_000_000_000
    bond_delay: int = 604_800

    def to_json(self) -> dict[str, Any]:
        """What scripts/deploy.py reads."""
        return {
            "network": NETWORK,
            "oracles": list(self.oracles),
            "threshold": self.threshold,
            "treasury": self.treasury,
            "governor": self.governor,
            "timelockDelay": self.timelock_delay,
            "unbondingDelay": self.unbonding_delay,
            "claimWindow": self.claim_window,
            "disputeWindow": self.dispute_window,
            "minimumBond": self.minimum_bond,
            "bondDelay": self.bond_delay,
            "mint": {account: str(amount) for account, amount in self.mint.items()},
        }


class Devnet:
    """A local chain. As a context manager it is started, and ended at the end."""

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        """`folder` takes logs and the address book. Raises SettingsError outside a set-up checkout."""
        self._toolchain = _load_toolchain()
        self._folder = folder
        if port is not None:
            require_free_port(port, "the local chain")
        self.port = port or free_port()
        self.rpc_url = f"http://127.0.0.1:{self.port}"
        command = self._toolchain.ganache_command(self.port)
        self._ganache = ManagedProcess("ganache", command, folder / "ganache.log")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Start the chain and wait until it answers."""
        self._ganache.start().wait_ready(self._answers, READY_SECONDS)
        return self

    def stop(self) -> None:
        """End the chain; it keeps nothing."""
        self._ganache.stop()

    def rpc(self, method: str, *params: Any) -> Any:
        """One JSON-RPC call, for what only a development chain offers. Raises ProcessFailed."""
        return call(self.rpc_url, method, *params)

    def _answers(self) -> bool:
        try:
            return self.rpc("eth_chainId") is not None
        except httpx.HTTPError:
            return False

    def fund_gas(self, account: str, ether: int = 100) -> None:
        """Give `account` ether to pay gas with."""
        self.rpc("evm_setAccountBalance", account, hex(ether * 10**18))

    def advance_time(self, seconds: int) -> None:
        """Let `seconds` pass on the chain, and mine a block."""
        self.rpc("evm_increaseTime", seconds)
        self.rpc("evm_mine")

    def deploy(self, deployment: Deployment) -> AddressBook:
        """Deploy the contracts with Brownie. Raises ProcessFailed with what it printed."""
        tools = self._toolchain
        home = self._folder / "brownie-home"
        if (tools.BROWNIE_HOME / ".brownie").exists():
            shutil.copytree(tools.BROWNIE_HOME / ".brownie", home / ".brownie", dirs_exist_ok=True)
        env = tools.brownie_environment(self.rpc_url, home) | {
            "HIVE_DEPLOYMENT": json.dumps(deployment.to_json()),
            "HIVE_DEPLOYMENTS_FOLDER": str(self._folder),
        }
        brownie = tools.BROWNIE_VENV / "bin" / "brownie"
        command = [str(brownie), "run", "scripts/deploy.py", "main", "--network", "hive"]
        try:
            ran = subprocess.run(
                command, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=DEPLOY_SECONDS,
                stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise ProcessFailed(f"Deploying took more than {DEPLOY_SECONDS} s.") from error
        book = self.address_book
        if ran.returncode != 0 or not book.exists():
            raise ProcessFailed(f"Deploying failed:\n{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}")
        return AddressBook.load(book)

    @property
    def address_book(self) -> Path:
        """Where `deploy` writes the address book."""
        return self._folder / f"{NETWORK}.json"


def _load_toolchain() -> Any:
    """scripts/toolchain.py of the checkout that this package lies in."""
    try:
        from scripts import toolchain
    except ImportError as error:
        raise SettingsError(
            "A local chain needs a checkout of ComputeHive: its compiler, contracts, ganache are not in the package.",
            hint="git clone it, then `make setup`.",
        ) from error
    if not toolchain.GANACHE.exists() or not (toolchain.BUILD / "contracts" / "Escrow.json").exists():
        raise SettingsError("ganache or the compiled contracts are missing.", hint="Run `make setup`.")
    return toolchain
