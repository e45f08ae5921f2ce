"""Sealing and unsealing: what comes back is what went in, to who has the key, or nothing."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.client.age import new_identity, recipient_of, seal, unseal
from marketplace.client.jobs import PreparedJob
from marketplace.client.keyfile import load_identity, load_or_make_identity, save_identity
from marketplace.client.private import JobKey, make_grant, open_grant, seal_job
from marketplace.client.results import VerifiedResult, download_result, read_log
from marketplace.client.transport import MOST_BYTES
from marketplace.errors import CannotDecrypt, DigestMismatch, InputError, MalformedMessage, TooLarge
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.images import ImageProgram
from marketplace.protocol.jobspec import InputFile, JobSpec, ModuleProgram
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.protocol.privacy import OVERHEAD_BYTES, PLAIN_BYTES_PER_OVERHEAD, require_sealed
from tests.unit.client.test_results import LEASE, attestation

IDENTITY, OTHER = new_identity(), new_identity()
JOB, HOLDER = "0x" + "01" * 32, "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
CONTENTS = st.one_of(st.binary(max_size=300), st.integers(65_530, 65_542).map(lambda size: b"x" * size))
"""Around 64 KiB too: age encrypts in pieces of that size."""


@settings(max_examples=60, deadline=None)
@given(CONTENTS)
def test_what_is_sealed_comes_back_and_shows_nothing_of_itself(data):
    sealed = seal(data, recipient_of(IDENTITY))
    assert unseal(sealed, IDENTITY) == data
    assert len(data) < 4 or data not in sealed
    assert len(sealed) <= len(data) + len(data) // PLAIN_BYTES_PER_OVERHEAD + OVERHEAD_BYTES


@settings(max_examples=60, deadline=None)
@given(CONTENTS, st.floats(0, 1, exclude_max=True))
def test_a_changed_or_shortened_ciphertext_is_never_taken_for_another_text(data, where):
    sealed = seal(data, recipient_of(IDENTITY))
    at = int(where * len(sealed))
    for broken in (sealed[:at], sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]):
        with pytest.raises(CannotDecrypt):
            unseal(broken, IDENTITY)


def test_another_key_opens_nothing():
    with pytest.raises(CannotDecrypt, match="another key"):
        unseal(seal(b"text", recipient_of(IDENTITY)), OTHER)


def test_the_same_text_is_sealed_differently_each_time():
    assert seal(b"yes", recipient_of(IDENTITY)) != seal(b"yes", recipient_of(IDENTITY))


def test_what_is_no_key_is_refused_and_a_secret_one_never_repeated():
    with pytest.raises(MalformedMessage, match="no public key"):
        seal(b"", "age1" + "q" * 58)
    with pytest.raises(CannotDecrypt) as caught:
        unseal(b"", "AGE-SECRET-KEY-1WRONG")
    assert "WRONG" not in str(caught.value)


def prepared() -> PreparedJob:
    files = {"a": b"text", "b": b"text", "c": b""}
    program = b"\0asm\1\0\0\0"
    inputs = tuple(InputFile(path=path, digest=sha256_digest(data), size=len(data)) for path, data in files.items())
    spec = JobSpec(program=ModuleProgram(digest=sha256_digest(program), size=len(program)), inputs=inputs)
    return PreparedJob(spec, {sha256_digest(data): data for data in (*files.values(), program)})


def test_a_sealed_job_names_ciphertexts_alone_and_everything_opens_with_its_key():
    plain, key = prepared(), JobKey.new({"B": b"2", "A": b"1"})
    job = seal_job(plain, key)
    assert job.spec.privacy == key.privacy
    assert (job.spec.privacy.recipient, job.spec.privacy.secrets) == (key.recipient, ("A", "B"))
    assert not set(job.blobs) & set(plain.blobs) and set(job.blobs) == set(job.spec.blob_digests())
    assert {entry.path: key.unseal(job.blobs[entry.digest]) for entry in job.spec.inputs} == {
        "a": b"text", "b": b"text", "c": b"",
    }  # fmt: skip
    assert all(len(job.blobs[entry.digest]) == entry.size for entry in job.spec.inputs)
    assert key.unseal(job.blobs[job.spec.program.digest]).startswith(b"\0asm")
    assert job.spec.requirements == plain.spec.requirements


def test_more_secrets_than_a_grant_has_room_for_are_refused():
    with pytest.raises(TooLarge):
        JobKey.new({"A": bytes(65_537)})


def test_a_grant_opens_for_its_holder_and_fits_its_job_alone():
    key = JobKey.new({"TOKEN": b"\0value"})
    grant, ciphertext = make_grant(key, JOB, HOLDER, recipient_of(IDENTITY), 1)
    assert open_grant(grant, ciphertext, IDENTITY, key.privacy) == key
    assert b"value" not in ciphertext and key.identity.encode() not in ciphertext
    with pytest.raises(CannotDecrypt):
        open_grant(grant, ciphertext, OTHER, key.privacy)
    with pytest.raises(CannotDecrypt, match="not that of"):
        open_grant(grant, ciphertext, IDENTITY, JobKey.new({"TOKEN": b""}).privacy)
    with pytest.raises(InputError, match="MORE"):
        open_grant(grant, ciphertext, IDENTITY, key.privacy.model_copy(update={"secrets": ("TOKEN", "MORE")}))


@pytest.mark.parametrize(
    "other",
    [lambda key: JobKey(key.identity, {"TOKEN": b"another"}), lambda key: JobKey(key.identity.lower(), key.secrets)],
)
def test_what_is_granted_is_what_the_job_was_signed_with(other):
    """Else a renter could give one of its replicas something else than the others, and have it punished."""
    key = JobKey.new({"TOKEN": b"value"})
    assert other(key).recipient == key.recipient
    grant, ciphertext = make_grant(other(key), JOB, HOLDER, recipient_of(IDENTITY), 1)
    with pytest.raises(InputError, match="not the one that the job was signed with"):
        open_grant(grant, ciphertext, IDENTITY, key.privacy)


def test_an_image_in_a_registry_stays_where_it_is():
    program = ImageProgram(registry="registry.example.org", repository="a/b", digest="0x" + "22" * 32)
    job = seal_job(PreparedJob(JobSpec(sandbox="docker", program=program), {}), JobKey.new({"TOKEN": b"v"}))
    assert job.spec.program == program and job.spec.privacy.secrets == ("TOKEN",)


def test_a_grant_of_another_job_or_holder_is_not_taken_for_this_one():
    key = JobKey.new()
    _, ciphertext = make_grant(key, JOB, HOLDER, recipient_of(IDENTITY), 1)
    grant, _ = make_grant(key, "0x" + "02" * 32, HOLDER, recipient_of(IDENTITY), 1)
    passed_off = grant.model_copy(update={"ciphertext": sha256_digest(ciphertext)})
    with pytest.raises(MalformedMessage, match="another job or another holder"):
        open_grant(passed_off, ciphertext, IDENTITY, key.privacy)
    with pytest.raises(MalformedMessage, match="not what came"):
        open_grant(grant, ciphertext, IDENTITY, key.privacy)


# --- results ----------------------------------------------------------------------------------------------------------


class Blobs(dict):
    def get_blob(self, digest, size=MOST_BYTES):
        return self[digest]


def result_of(key: JobKey, files: dict[str, bytes], owner: JobKey | None) -> tuple[VerifiedResult, Blobs]:
    ciphertexts = {path: seal(data, key.recipient) for path, data in files.items()}
    sealed = Manifest.build(ManifestEntry.of(path, data) for path, data in ciphertexts.items())
    manifest = Manifest.build(key.entry(path, data) for path, data in files.items())
    require_sealed(manifest, sealed, ExitKind.EXITED)
    blobs = Blobs({sha256_digest(data): data for data in ciphertexts.values()})
    return VerifiedResult(LEASE, manifest, attestation(result_digest=manifest.root()), sealed, owner), blobs


FILES = {"out/a": b"one", "out/b": b"two", "log/stdout": b"said\n"}


def test_a_private_result_is_written_as_the_program_left_it(tmp_path):
    key = JobKey.new()
    result, blobs = result_of(key, FILES, key)
    written = {path.name: path.read_bytes() for path, _ in download_result(blobs, result, tmp_path)}
    assert written == {"a": b"one", "b": b"two", "stdout": b"said\n"}
    assert read_log(blobs, result) == b"said\n"


def test_without_the_key_a_private_result_stays_closed():
    result, blobs = result_of(JobKey.new(), FILES, None)
    with pytest.raises(CannotDecrypt, match="private job"):
        read_log(blobs, result)


def test_a_market_that_lists_one_files_ciphertext_as_anothers_is_found_out(tmp_path):
    key = JobKey.new()
    result, blobs = result_of(key, FILES, key)
    paths = {"out/a": "out/b", "out/b": "out/a"}
    entries = [entry.model_copy(update={"path": paths.get(entry.path, entry.path)}) for entry in result.sealed.entries]
    swapped = VerifiedResult(LEASE, result.manifest, result.attestation, Manifest.build(entries), key)
    with pytest.raises(DigestMismatch):
        list(download_result(blobs, swapped, tmp_path))


# --- keys in files ----------------------------------------------------------------------------------------------------


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path):
    path = tmp_path / "data" / "identity.age"
    made = load_or_make_identity(path)
    assert load_or_make_identity(path) == made and path.stat().st_mode & 0o777 == 0o600
    save_identity(path, OTHER)
    assert load_identity(path) == made, "nothing is overwritten"


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_key_that_others_could_have_read_is_refused(tmp_path):
    path = tmp_path / "identity.age"
    save_identity(path, IDENTITY)
    path.chmod(0o640)
    with pytest.raises(CannotDecrypt, match="chmod 600"):
        load_identity(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xfe"])
def test_a_file_that_holds_no_key_is_refused(tmp_path, content):
    path = tmp_path / "identity.age"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(CannotDecrypt):
        load_or_make_identity(path)
