"""The command line says what a dispute puts at stake before it asks the contract: both must mean the same share."""

import re

from marketplace.cli.claims import BPS, DISPUTE_BOND_BPS
from scripts.toolchain import ROOT


def constant(name: str, source: str) -> int:
    """A constant as the contracts declare it."""
    (value,) = re.findall(rf"constant {name} = ([\d_]+);", (ROOT / "contracts" / source).read_text())
    return int(value)


def test_the_bond_of_a_dispute_is_the_contracts_share_of_the_claim():
    assert constant("DISPUTE_BOND_BPS", "base/EscrowClaims.sol") == DISPUTE_BOND_BPS
    assert constant("BPS", "base/EscrowLeases.sol") == BPS
