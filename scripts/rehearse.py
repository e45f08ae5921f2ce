"""Rehearses a deployment on a local chain and writes down what was sent: `scripts/dry_run.py` runs it with Brownie.

Parameters are those of scripts/deploy.py with a `profile`; HIVE_REHEARSAL names the file to write. The token is a
stand-in.
"""

import json
import os
from pathlib import Path
from typing import Any

from brownie import accounts, network, project

from scripts.deploy import deploy_on_token, read_parameters


class NotingDeployer:
    """An account that deploys and writes down each deployment; otherwise the account that it is."""

    def __init__(self, account: Any) -> None:
        self._account = account
        self.steps: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._account, name)

    def deploy(self, container: Any, *arguments: Any) -> Any:
        """Deploy, and note contract, constructor arguments, gas, bytes of calldata and the address here."""
        contract = self._account.deploy(container, *arguments)
        constructor = [entry for entry in container.abi if entry["type"] == "constructor"]
        names = [each["name"].strip("_") for each in constructor[0]["inputs"]] if constructor else []
        self.steps.append(
            {
                "contract": container._name,
                "arguments": dict(zip(names, map(plain, arguments), strict=True)),
                "gas": contract.tx.gas_used,
                "calldataBytes": (len(contract.tx.input) - 2) // 2,
                "address": contract.address,
            }
        )
        return contract


def plain(value: Any) -> Any:
    """A constructor argument for JSON: contracts and accounts by their address."""
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return getattr(value, "address", value)


def main() -> None:
    """Deploy everything on a stand-in token, as HIVE_DEPLOYMENT says."""
    parameters = read_parameters(os.environ.get("HIVE_DEPLOYMENT"))
    network.gas_price("20 gwei")
    contracts = project.get_loaded_projects()[0]
    token = accounts[0].deploy(contracts.FiatToken)
    deployer = NotingDeployer(accounts[0])
    first_nonce = deployer.nonce
    deploy_on_token(contracts, deployer, token, parameters)
    noted = {"token": token.address, "deployer": deployer.address, "firstNonce": first_nonce, "steps": deployer.steps}
    Path(os.environ["HIVE_REHEARSAL"]).write_text(json.dumps(noted))
