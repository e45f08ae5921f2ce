"""Messages of settlement without a lock: the contracts' hashes are the ones that Python computes, extremes included."""

import brownie
from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.prepaid import NettedAllowance, NettedBatch, WorkRefusal
from tests.contracts.Escrow.test_messages import messages_of

words = st.lists(st.integers(0, 2**256 - 1) | st.sampled_from([0, 2**256 - 1]), max_size=5).map(tuple)
numbers = st.integers(0, 2**256 - 1)
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
digests = st.binary(min_size=32, max_size=32)
batches = st.fixed_dictionaries(
    {
        "market": addresses,
        "number": numbers,
        "jobsRoot": digests,
        "dataDigest": digests,
        "debits": words,
        "credits": words,
    }
).map(NettedBatch.parse)


@given(allowance=messages_of(NettedAllowance))
def test_allowances_have_the_hash_python_computes(world, allowance):
    assert world.contracts["Messages"].hashNettedAllowance(allowance.as_tuple()) == allowance.struct_hash()


@given(batch=batches)
def test_netted_batches_have_the_hash_python_computes(world, batch):
    assert world.contracts["Messages"].hashNettedBatch(batch.as_tuple()) == batch.struct_hash()


def test_the_domain_is_the_one_python_signs_for(paid):
    described = tuple(paid.contract.eip712Domain())
    assert described[:5] == ("0x0f", "ComputeHive", "1", brownie.chain.id, paid.contract.address)
    assert paid.domain.as_json()["verifyingContract"] == paid.contract.address


def test_refusals_have_the_numbers_of_the_contract():
    text = (brownie.project.get_loaded_projects()[0]._path / "contracts" / "interfaces" / "IPrepaid.sol").read_text()
    names = text.split("enum Refusal {")[1].split("}")[0].replace(",", " ").split()
    assert names == [each.name.title().replace("_", "") for each in WorkRefusal]
