"""What an image out of a registry becomes, and what of it is refused before an engine sees it."""

import gzip
import io
import json
import tarfile
from threading import Event

import pytest

from agent.containers import pulling, registries
from marketplace.errors import AgentError, DigestMismatch, InvalidModule, TooLarge
from tests.unit.agent.containers.played_registry import (
    INDEX,
    LAYER,
    MANIFEST,
    Answer,
    descriptor,
    digest_of,
    tar_of,
)

ONE, TWO = tar_of({"bin/program": b"x" * 5_000}), gzip.compress(tar_of({"etc/name": b"y" * 100}))


# --- what an image becomes --------------------------------------------------------------------------------------------


def test_image_becomes_an_archive_without_a_name_measured_unpacked(registry, fetch):
    pulled = fetch(registry.add_image([ONE, TWO, ONE], settings=b'{"a":1}'))
    with tarfile.open(fileobj=io.BytesIO(b"".join(pulled.archive()))) as tar:
        files = {entry.name: tar.extractfile(entry).read() for entry in tar}
    (manifest,) = json.loads(files["manifest.json"])
    assert manifest["RepoTags"] is None
    assert files[manifest["Config"]] == b'{"a":1}'
    assert [files[name] for name in manifest["Layers"]] == [ONE, TWO, ONE]
    assert pulled.unpacked_bytes == 5_000 + 100 + 5_000, "engines store a layer as often as it is named"
    assert pulled.fetched_bytes == 2 * len(ONE) + len(TWO) + len(b'{"a":1}')
    assert len(registry.paths("blobs")) == 3, "and it is fetched once"


@pytest.mark.parametrize(("architecture", "name"), [("x86_64", "amd64"), ("aarch64", "arm64")])
def test_index_leads_to_the_image_for_this_processor(registry, fetch, architecture, name):
    manifests = []
    for each in ("amd64", "arm64"):
        data = registry.add_image([tar_of({each: b"1"})])
        path = f"/v2/team/tool/manifests/sha256:{data.digest.removeprefix('0x')}"
        body = registry.answers[path][0].body
        manifests.append(descriptor(body, MANIFEST, platform={"os": "linux", "architecture": each}))
    unknown = descriptor(b"attestation", MANIFEST, platform={"os": "unknown", "architecture": "unknown"})
    index = json.dumps({"mediaType": INDEX, "manifests": [unknown, *manifests]}).encode()
    pulled = fetch(registry.program(registry.add(index, "manifests")), architecture=architecture)
    assert (pulled.folder / pulled.layers[0].file_name).read_bytes() == tar_of({name: b"1"})


def test_index_without_this_processor_is_refused(registry, fetch):
    index = json.dumps({"manifests": [descriptor(b"", MANIFEST, platform={"os": "linux", "architecture": "s390x"})]})
    with pytest.raises(InvalidModule, match="not there for linux/amd64"):
        fetch(registry.program(registry.add(index.encode(), "manifests")))


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_image_of_more_bytes_than_the_job_says_is_refused_before_any_is_fetched(registry, fetch):
    program = registry.add_image([ONE])
    with pytest.raises(TooLarge):
        fetch(program.model_copy(update={"size": len(ONE)}))  # the configuration counts as well
    assert registry.paths("blobs") == []
    assert fetch(program.model_copy(update={"size": len(ONE) + 2}))


def test_compressed_bomb_is_refused_before_an_engine_unpacks_it(registry, fetch):
    bomb = gzip.compress(tar_of({"zeros": bytes(20_000_000)}))
    with pytest.raises(TooLarge, match="unpacked"):
        fetch(registry.add_image([bomb]), max_unpacked_bytes=1_000_000)


def test_blob_longer_than_its_manifest_says_is_not_read_to_its_end(registry, fetch):
    program = registry.add_image([ONE], layers=[descriptor(ONE, LAYER) | {"size": 100}])
    with pytest.raises(TooLarge, match=r"layer.* the limit is 100"):
        fetch(program)


def test_manifest_is_bounded(registry, fetch, monkeypatch):
    monkeypatch.setattr(registries, "MAX_MANIFEST_BYTES", 1_000)
    with pytest.raises(TooLarge, match="manifest"):
        fetch(registry.program(registry.add(b'{"a":"' + b"x" * 1_000 + b'"}', "manifests")))


@pytest.mark.parametrize("place", ["manifests", "blobs"])
def test_bytes_that_are_not_what_the_digest_names_are_refused(registry, fetch, place):
    program = registry.add_image([ONE])
    for path in registry.answers:
        if place in path:
            registry.answers[path] = [Answer(bytes(len(registry.answers[path][0].body)))]
    with pytest.raises(DigestMismatch):
        fetch(program)


@pytest.mark.parametrize(
    "document",
    [b"", b"[]", b"no", b"{}", b'{"config":{},"layers":[]}', b'{"manifests":[1]}', b'{"manifests":{}}', b"[" * 3_000,
     json.dumps({"config": {"digest": "sha256:../../x", "size": 1}, "layers": []}).encode(),
     json.dumps({"config": {"digest": digest_of(b""), "size": -1}, "layers": []}).encode(),
     json.dumps({"config": {"digest": digest_of(b""), "size": True}, "layers": []}).encode(),
     json.dumps({"config": {"digest": "sha512:" + "a" * 128, "size": 1}, "layers": []}).encode()],
)  # fmt: skip
def test_manifest_that_is_none_is_refused(registry, fetch, document):
    with pytest.raises(InvalidModule, match=r"The manifest of|is not there for"):
        fetch(registry.program(registry.add(document, "manifests")))


@pytest.mark.parametrize(
    "changes",
    [
        {"layers": [descriptor(ONE, "application/vnd.oci.image.layer.v1.tar+zstd")]},
        {"layers": [descriptor(ONE, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")]},
        {"config": descriptor(b"{}", "application/vnd.cncf.helm.config.v1+json")},
    ],
)
def test_what_no_engine_could_run_is_refused_by_its_type(registry, fetch, changes):
    with pytest.raises(InvalidModule, match="has a part of type"):
        fetch(registry.add_image([ONE], **changes))
    assert registry.paths("blobs") == []


def test_image_of_too_many_layers_is_refused(registry, fetch):
    with pytest.raises(InvalidModule, match="128 layers"):
        fetch(registry.add_image([ONE] * 128))


def test_layer_that_is_no_tar_is_refused(registry, fetch):
    with pytest.raises(InvalidModule, match="cannot be read"):
        fetch(registry.add_image([b"no tar" * 1_000]))


def test_disk_without_room_is_said_before_anything_is_fetched(registry, fetch, monkeypatch):
    monkeypatch.setattr(pulling.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 100}))
    with pytest.raises(AgentError, match="no room"):
        fetch(registry.add_image([ONE]))
    assert registry.paths("blobs") == []


def test_fetch_ends_where_the_machine_wants_it_to(registry, fetch):
    wanted = Event()

    def check():
        if wanted.is_set():
            raise KeyboardInterrupt
        if registry.paths("blobs"):
            wanted.set()

    with pytest.raises(KeyboardInterrupt):
        fetch(registry.add_image([ONE, TWO]), check=check)
