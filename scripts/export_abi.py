"""Writes the contracts' ABIs from Brownie's build folder into the Python package, where `pip install` carries them.

python -m scripts.export_abi          # run after `brownie compile`
"""

import json
from pathlib import Path

from scripts.toolchain import BUILD, ROOT

CONTRACTS = {
    "Escrow": "Escrow",
    "ProviderStake": "ProviderStake",
    "Reputation": "Reputation",
    "OracleCommittee": "OracleCommittee",
    "PaymentChannels": "PaymentChannels",
    "ModuleRegistry": "ModuleRegistry",
    "Prepaid": "Prepaid",
    "Timelock": "Timelock",
    "Messages": "Messages",
    "USDC": "FiatToken",
}
"""Name in the address book -> contract whose ABI it has."""
ABI_FOLDER = ROOT / "marketplace" / "adapters" / "chain" / "abi"


def render_abi(contract: str, build: Path = BUILD / "contracts") -> str:
    """The ABI of a compiled contract as the text that is committed."""
    artifact = json.loads((build / f"{contract}.json").read_text())
    return json.dumps(artifact["abi"], indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Write every ABI."""
    ABI_FOLDER.mkdir(parents=True, exist_ok=True)
    for name, contract in CONTRACTS.items():
        (ABI_FOLDER / f"{name}.json").write_text(render_abi(contract))


if __name__ == "__main__":
    main()
