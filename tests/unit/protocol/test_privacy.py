"""Private jobs in the protocol: what is named, how, and what a result must list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.errors import InvalidJobSpec, InvalidManifest, MalformedMessage
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.protocol.privacy import (
    GrantedKey,
    KeyGrant,
    KeyOffer,
    compute_commitment,
    keyed_digest,
    keyed_entry,
    read_granted,
    require_sealed,
    storage_of,
)
from marketplace.protocol.profile import NodeProfile
from tests.fakes.recursion import raised_recursion_limit

RECIPIENT, COMMITMENT = "age1" + "q" * 58, "0x" + "33" * 32
PROGRAM = {"kind": "module", "digest": "0x" + "11" * 32, "size": 8}
TOOL = {"kind": "tool", "module": "chain://words@1.0.0", "digest": "0x" + "11" * 32, "tool": "count"}


def listed(**sizes: int) -> Manifest:
    entries = [
        ManifestEntry(path=path.replace("_", "/"), size=size, digest="0x" + "22" * 32) for path, size in sizes.items()
    ]
    return Manifest.build(entries)


@pytest.mark.parametrize(
    ("privacy", "field"),
    [
        ({"recipient": "age1short"}, "privacy.recipient"),
        ({"recipient": RECIPIENT.upper()}, "privacy.recipient"),
        ({"recipient": RECIPIENT, "secrets": ["../up"]}, "privacy.secrets.0"),
        ({"recipient": RECIPIENT, "secrets": ["A", "A"]}, "privacy"),
        ({"secrets": ["A"]}, "privacy.recipient"),
    ],
)
def test_privacy_that_cannot_be_is_refused_by_field(privacy, field):
    with pytest.raises(InvalidJobSpec, match=rf"JobSpec\.{field}"):
        JobSpec.parse({"program": PROGRAM, "privacy": {"commitment": COMMITMENT} | privacy})


def test_privacy_says_what_key_and_secrets_will_be_granted():
    with pytest.raises(InvalidJobSpec, match=r"JobSpec\.privacy\.commitment"):
        JobSpec.parse({"program": PROGRAM, "privacy": {"recipient": RECIPIENT}})


def test_a_tool_cannot_be_private_since_its_arguments_are_not():
    with pytest.raises(InvalidJobSpec, match="tool's arguments"):
        JobSpec.parse(
            {"sandbox": "mcp", "program": TOOL, "privacy": {"recipient": RECIPIENT, "commitment": COMMITMENT}}
        )


def test_profile_without_a_key_keeps_the_digest_that_it_had_before_there_were_any():
    given = {"region": "eu", "cpu": {"architecture": "x86_64", "cores": 1}, "memoryMb": 1, "diskMb": 1}
    plain, keyed = NodeProfile.parse(given), NodeProfile.parse(given | {"recipient": RECIPIENT})
    assert "recipient" not in plain.to_json()
    assert keyed.digest() != plain.digest() and NodeProfile.parse(keyed.to_json()) == keyed


def test_digests_of_outputs_agree_among_those_who_have_the_key_and_tell_others_nothing():
    one, other = keyed_digest("KEY-1", b"yes"), keyed_digest("KEY-2", b"yes")
    assert one == keyed_digest("KEY-1", b"yes") and one not in (other, keyed_digest("KEY-1", b"no"))
    assert keyed_entry("KEY-1", "out/a", b"yes").digest != ManifestEntry.of("out/a", b"yes").digest


def test_every_output_and_log_needs_a_ciphertext_and_evidence_none():
    manifest = listed(out_a=10, log_stdout=0, evidence_quote=5)
    sealed = listed(out_a=300, log_stdout=250)
    require_sealed(manifest, sealed, ExitKind.EXITED)
    stored = {entry.path: entry.size for entry in storage_of(manifest, sealed).entries}
    assert stored == {"out/a": 300, "log/stdout": 250, "evidence/quote": 5}


@pytest.mark.parametrize(
    ("sealed", "named"),
    [
        (None, "is missing"),
        ({"out_a": 300}, "log/stdout"),
        ({"out_a": 300, "log_stdout": 250, "out_b": 1}, "out/b"),
        ({"out_a": 10, "log_stdout": 250}, "out/a"),
        ({"out_a": 300, "log_stdout": 9_000}, "log/stdout"),
    ],
)
def test_a_list_of_ciphertexts_that_cannot_be_one_is_refused(sealed, named):
    with pytest.raises(InvalidManifest, match=named):
        require_sealed(
            listed(out_a=10, log_stdout=0), listed(**sealed) if sealed is not None else None, ExitKind.EXITED
        )


def test_only_a_refusal_before_the_key_came_may_say_why_in_the_clear():
    for kind in (ExitKind.SANDBOX_ERROR, ExitKind.EVICTED):
        require_sealed(listed(log_stderr=30), None, kind)
    with pytest.raises(InvalidManifest):
        require_sealed(listed(log_stderr=30, log_stdout=3), None, ExitKind.SANDBOX_ERROR)


@pytest.mark.parametrize("kind", sorted(set(ExitKind) - {ExitKind.SANDBOX_ERROR, ExitKind.EVICTED}))
@pytest.mark.parametrize("files", [{}, {"log_stderr": 30}])
def test_who_says_that_a_private_job_ran_has_its_ciphertexts(kind, files):
    require_sealed(listed(), listed(), kind)
    with pytest.raises(InvalidManifest, match="private"):
        require_sealed(listed(**files), None, kind)


@given(st.dictionaries(st.sampled_from("ABC"), st.binary(max_size=3), max_size=3), st.data())
def test_a_commitment_is_to_the_key_as_it_is_written_and_to_every_secret(secrets, data):
    other = data.draw(st.dictionaries(st.sampled_from("ABC"), st.binary(max_size=3), max_size=3))
    assert (compute_commitment("KEY-1", secrets) == compute_commitment("KEY-1", other)) == (secrets == other)
    assert compute_commitment("KEY-1", secrets) != compute_commitment("key-1", secrets)


def test_a_granted_key_that_is_nested_too_deeply_to_be_read_is_refused():
    with raised_recursion_limit(), pytest.raises(MalformedMessage, match="no key of a job"):
        GrantedKey.parse(b"[" * 190_000)


def test_an_offered_key_is_signed_as_text_by_eip_712():
    """The struct hash of a string member is the hash of its text: what wallets compute (EIP-712, encodeData)."""
    from eth_account import Account

    account = Account.from_key(b"\1" * 32)
    said = {"recipient": RECIPIENT, "sandbox_digest": "0x" + "5b" * 32, "offered_at": 7}
    offer, domain = KeyOffer(oracle=account.address, **said), Domain(1, account.address)
    typed = offer.typed_data(domain)
    assert offer.sign(domain, account.key) == "0x" + account.sign_typed_data(full_message=typed).signature.hex()
    changed = offer.model_copy(update={"recipient": RECIPIENT[:-1] + "p"})
    assert changed.struct_hash() != offer.struct_hash()


def test_a_granted_key_survives_its_trip_and_is_never_shown():
    key = GrantedKey("0x" + "33" * 32, "0x" + "44" * 20, "AGE-SECRET-KEY-1X", {"TOKEN": b"\0\xff"})
    assert GrantedKey.parse(key.to_bytes()) == key
    assert "SECRET" not in repr(key) and "TOKEN" not in repr(key)


@pytest.mark.parametrize("data", [b"", b"[]", b'{"jobId": 1}', b'{"secrets": {"A": "zz"}}', b"\xff"])
def test_what_is_no_key_is_refused_without_being_repeated(data):
    with pytest.raises(MalformedMessage, match="holds no key"):
        GrantedKey.parse(data)


@pytest.mark.parametrize("document", [{}, {"ciphertext": 5}, {"ciphertext": "0xzz"}, None])
def test_an_answer_without_a_ciphertext_is_refused(document):
    with pytest.raises(MalformedMessage, match=r"KeyGrant\.ciphertext"):
        read_granted(document)


def test_a_grant_is_for_one_job_one_holder_and_one_ciphertext_of_one_time():
    fields = {"job_id": "0x" + "01" * 32, "holder": "0x" + "44" * 20, "ciphertext": "0x" + "02" * 32, "granted_at": 1}
    changes = (
        {"job_id": "0x" + "03" * 32},
        {"holder": "0x" + "45" * 20},
        {"ciphertext": "0x" + "04" * 32},
        {"granted_at": 2},
    )
    hashes = {KeyGrant(**fields | change).struct_hash() for change in ({}, *changes)}
    assert len(hashes) == 5
