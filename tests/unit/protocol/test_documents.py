"""Job specifications, manifests, amounts: canonical, content addressed, strict about what they take."""

import hashlib
import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.errors import InvalidAmount, InvalidJobSpec, InvalidManifest, MalformedMessage
from marketplace.protocol import jobspec as jobspec_module
from marketplace.protocol.canonical import canonical_json
from marketplace.protocol.jobspec import JobSpec, json_schema
from marketplace.protocol.manifest import Manifest, ManifestEntry, verify_inclusion
from marketplace.protocol.units import format_usdc, parse_usdc

DIGEST = "0x" + "ab" * 32
SCRIPT_JOB = {
    "program": {"kind": "runtime", "name": "python", "digest": DIGEST, "script": "main.py"},
    "inputs": [{"path": "main.py", "digest": DIGEST, "size": 3}],
}


def test_published_json_schema_is_the_one_the_code_enforces():
    published = Path(jobspec_module.__file__).with_name("jobspec.schema.json")
    assert json.loads(published.read_text()) == json_schema()


def test_published_json_schema_accepts_what_the_code_writes():
    jsonschema.validate(JobSpec.parse(SCRIPT_JOB).to_json(), json_schema())


def test_equal_jobs_have_equal_digests_however_they_were_written():
    spelled_out = JobSpec.parse(SCRIPT_JOB).to_json()
    shuffled = json.loads(json.dumps(dict(reversed(spelled_out.items()))))
    assert JobSpec.parse(shuffled).digest() == JobSpec.parse(SCRIPT_JOB).digest()


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../b", "a//b", "./a", "a\\b", "", "a\x00b"])
def test_input_path_that_could_leave_its_directory_is_refused(path):
    with pytest.raises(InvalidJobSpec, match="inputs"):
        JobSpec.parse(SCRIPT_JOB | {"inputs": [{"path": path, "digest": DIGEST, "size": 1}]})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"version": 2}, "version"),
        ({"sandbox": "docker"}, "sandbox"),
        ({"program": {"kind": "mystery"}}, "program"),
        ({"inputs": []}, "script"),
        ({"inputs": SCRIPT_JOB["inputs"] * 2}, "share a path"),
        ({"env": {"1X": "y"}}, "env"),
        ({"unknown": 1}, "unknown"),
        ({"inputs": [*SCRIPT_JOB["inputs"], {"path": "main.py/x", "digest": DIGEST, "size": 1}]}, "both a file"),
    ],
)
def test_job_specification_with_a_fault_is_refused_by_name(change, problem):
    with pytest.raises(InvalidJobSpec, match=problem):
        JobSpec.parse(SCRIPT_JOB | change)


def test_canonical_json_refuses_what_rfc_8785_cannot_carry():
    with pytest.raises(MalformedMessage):
        canonical_json({"amount": 2**64})


entries_ = st.lists(
    st.builds(ManifestEntry.of, st.text("abc/", min_size=1, max_size=6), st.binary(max_size=8)),
    unique_by=lambda entry: entry.path,
    max_size=20,
)


@given(entries_)
def test_every_file_of_a_manifest_can_be_proven_alone_and_no_other(entries):
    manifest = Manifest.build(entries)
    root, size = manifest.root(), len(manifest.entries)
    for index, entry in enumerate(manifest.entries):
        proof = manifest.proof(entry.path)
        assert verify_inclusion(entry, index, size, proof, root)
        assert not verify_inclusion(ManifestEntry.of(entry.path, b"something else"), index, size, proof, root)


@given(entries_, st.randoms(use_true_random=False))
def test_result_digest_does_not_depend_on_the_order_files_were_found(entries, random):
    shuffled = random.sample(entries, len(entries))
    assert Manifest.build(shuffled).root() == Manifest.build(entries).root()


def test_merkle_root_is_that_of_rfc_9162_for_one_and_two_leaves():
    one, two = ManifestEntry.of("a", b"1"), ManifestEntry.of("b", b"2")
    leaf = [hashlib.sha256(b"\x00" + canonical_json(entry.model_dump())).digest() for entry in (one, two)]
    assert Manifest.build([one]).root() == "0x" + leaf[0].hex()
    assert Manifest.build([one, two]).root() == "0x" + hashlib.sha256(b"\x01" + leaf[0] + leaf[1]).hexdigest()


def test_manifest_out_of_order_or_with_a_path_twice_is_refused():
    a, b = ManifestEntry.of("a", b"").model_dump(), ManifestEntry.of("b", b"").model_dump()
    for entries in ([b, a], [a, a]):
        with pytest.raises(InvalidManifest, match="ascend"):
            Manifest.parse({"entries": entries})


@given(st.integers(0, 2**64 - 1))
def test_amounts_survive_being_shown_and_read(micro):
    assert parse_usdc(format_usdc(micro)) == micro


@pytest.mark.parametrize("text", ["", "abc", "-1", "1.2345678", "nan", "inf", "1e30", "0x10"])
def test_text_that_is_not_an_amount_is_refused(text):
    with pytest.raises(InvalidAmount):
        parse_usdc(text)


# Specifications that were signed before `network` and `checkpoint.freeze` were there, and the digest that they had.
SIGNED_BEFORE = {
    "sandbox": "wasm",
    "program": {"kind": "module", "digest": "0x" + "11" * 32, "size": 8},
    "args": ["a"],
    "checkpoint": {"directory": "checkpoint", "intervalSeconds": 60},
}


def test_specification_from_before_a_later_field_keeps_its_digest():
    spec = JobSpec.parse(SIGNED_BEFORE)
    assert spec.digest() == "0x50d618c663c5ffb513f4c5773f7f0e56" + "60f5604c7d236b3cac5a5955450226ad"
    assert JobSpec.parse(spec.to_json()) == spec
    said = JobSpec.parse(SIGNED_BEFORE | {"network": None, "checkpoint": {"intervalSeconds": 60, "freeze": False}})
    assert said.digest() == spec.digest(), "saying nothing in words is saying nothing"
