"""The pages for dApp authors say what the contracts are: selectors of errors, events, listings."""

import re

from eth_utils import keccak

from marketplace.adapters.chain.contracts import load_abi
from scripts.toolchain import ROOT

HOW_TO = (ROOT / "docs" / "how-to" / "without-us.md").read_text()


def test_every_error_in_the_table_of_refusals_is_a_contracts_own_with_its_first_four_bytes():
    known = {}
    for contract in ("Escrow", "ProviderStake", "OracleCommittee", "PaymentChannels"):
        for item in load_abi(contract):
            if item["type"] == "error":
                signature = f"{item['name']}({','.join(given['type'] for given in item['inputs'])})"
                known[signature] = "0x" + keccak(text=signature)[:4].hex()
    rows = re.findall(r"^\| `(0x[0-9a-f]{8})` \| `([^`]+)` \|", HOW_TO, re.MULTILINE)
    assert len(rows) > 20
    assert {signature: given for given, signature in rows}.items() <= known.items()
