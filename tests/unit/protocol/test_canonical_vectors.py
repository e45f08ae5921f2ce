"""Canonical JSON as the dApp writes it to check a round: one list of vectors holds both to the same bytes."""

import json

import pytest

from marketplace.errors import MalformedMessage
from marketplace.protocol.canonical import canonical_json
from scripts.toolchain import ROOT

VECTORS = json.loads((ROOT / "marketplace/web/src/protocol/canonical.vectors.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["json"])
def test_what_the_dapp_writes_is_what_python_writes(vector):
    value = json.loads(vector["json"])
    if vector["canonical"] is None:
        with pytest.raises(MalformedMessage):
            canonical_json(value)
    else:
        assert canonical_json(value) == vector["canonical"].encode()
