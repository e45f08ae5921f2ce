"""Images out of registries that may be hostile, or send the agent anywhere."""

import gzip
import io
import json
import tarfile
from threading import Event

import pytest

from agent.containers import pulling, registries
from agent.containers.pulling import pull
from agent.containers.registries import Repository, ping
from marketplace.errors import AgentError, DigestMismatch, InvalidModule, NotFound, TooLarge
from marketplace.protocol.images import parse_image
from tests.unit.agent.containers.played_registry import (
    INDEX,
    LAYER,
    MANIFEST,
    Answer,
    descriptor,
    digest_of,
    played_registry,
)


def tar_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


ONE, TWO = tar_of({"bin/program": b"x" * 5_000}), gzip.compress(tar_of({"etc/name": b"y" * 100}))


@pytest.fixture
def registry():
    with played_registry() as played:
        yield played


@pytest.fixture
def fetch(registry, tmp_path, monkeypatch):
    """Pull an image from the played registry, which is allowed."""
    monkeypatch.setattr(registries, "PAUSE_SECONDS", 0)
    count = iter(range(100))

    def fetch(program, allowed=None, architecture="x86_64", check=lambda: None, **more):
        folder = tmp_path / str(next(count))
        folder.mkdir()
        return pull(program, allowed or [registry.host], architecture, folder, check, **more)

    return fetch


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


# --- where the agent goes ---------------------------------------------------------------------------------------------


def test_registry_that_the_provider_does_not_allow_is_not_even_asked(registry, fetch):
    with pytest.raises(AgentError, match=f"{registry.host} is none that this machine's provider allows"):
        fetch(registry.add_image([ONE]), allowed=[registry.host + "0", "127.0.0.1", registry.host.partition(":")[0]])
    assert registry.asked == []


@pytest.mark.parametrize(
    "place",
    ["http://169.254.169.254/latest/meta-data", "https://127.0.0.1:1/x", "//127.0.0.1:1/x", "file:///etc/passwd",
     "http://user@{host}/x", "https://{host}/x", "http://{host}:1/", "http://[::1", ""],
)  # fmt: skip
def test_registry_cannot_send_the_agent_to_where_the_provider_does_not_allow(registry, fetch, place):
    program = registry.add_image([ONE])
    path = f"/v2/team/tool/blobs/{digest_of(ONE)}"
    registry.answers[path] = [Answer(status=307, headers={"Location": place.format(host=registry.host)})]
    with pytest.raises(AgentError, match=r"sends the agent|Invalid URL"):
        fetch(program)


def test_registry_may_send_the_agent_to_another_host_that_is_allowed_and_the_token_stays_at_home(registry, fetch):
    program = registry.add_image([ONE])
    blob = f"/v2/team/tool/blobs/{digest_of(ONE)}"
    realm = f'Bearer realm="http://{registry.host}/token",service="s",scope="repository:team/tool:pull"'
    asks = Answer(status=401, headers={"WWW-Authenticate": realm})
    with played_registry() as storage:
        storage.answers["/bytes"] = [Answer(ONE)]
        registry.answers["/token"] = [Answer(b'{"token": "t0ken"}')]
        registry.answers[blob] = [asks, Answer(status=302, headers={"Location": f"http://{storage.host}/bytes"})]
        assert fetch(program, allowed=[registry.host, storage.host])
        assert registry.paths("/token") == ["/token?service=s&scope=repository%3Ateam%2Ftool%3Apull"]
        assert [headers.get("Authorization") for path, headers in registry.asked if path == blob] == [
            None, "Bearer t0ken",
        ]  # fmt: skip
        ((_, headers),) = storage.asked
        assert "Authorization" not in headers


@pytest.mark.parametrize(
    "challenge",
    ['Bearer realm="http://169.254.169.254/token"', "Basic realm=x", "", 'Bearer realm="http://[::1"'],
)
def test_registry_cannot_have_the_token_fetched_elsewhere_or_ask_for_a_password(registry, fetch, challenge):
    program = registry.add_image([ONE])
    path = f"/v2/team/tool/manifests/sha256:{program.digest.removeprefix('0x')}"
    registry.answers[path] = [Answer(status=401, headers={"WWW-Authenticate": challenge})]
    with pytest.raises(AgentError, match=r"sends the agent|without a password"):
        fetch(program)


@pytest.mark.parametrize("token", [b"{}", b"[]", b"no", b'{"token": "a\\r\\nX: y"}', b"x" * 70_000])
def test_token_that_is_none_is_refused(registry, fetch, token):
    program = registry.add_image([ONE])
    path = f"/v2/team/tool/manifests/sha256:{program.digest.removeprefix('0x')}"
    challenge = f'Bearer realm="http://{registry.host}/token"'
    registry.answers[path] = [Answer(status=401, headers={"WWW-Authenticate": challenge})]
    registry.answers["/token"] = [Answer(token)]
    with pytest.raises((AgentError, TooLarge)):
        fetch(program)


def test_circle_of_redirects_ends(registry, fetch):
    program = registry.add_image([ONE])
    path = f"/v2/team/tool/blobs/{digest_of(ONE)}"
    registry.answers[path] = [Answer(status=302, headers={"Location": path})]
    with pytest.raises(AgentError, match="on and on"):
        fetch(program)
    assert len(registry.paths(path)) < 10


# --- registries that fail ---------------------------------------------------------------------------------------------


def test_registry_that_is_busy_is_asked_again_and_not_for_ever(registry, fetch):
    program = registry.add_image([ONE])
    path = f"/v2/team/tool/blobs/{digest_of(ONE)}"
    busy, broken = Answer(status=503), Answer(ONE[:100], headers={"Content-Length": str(len(ONE))})
    registry.answers[path] = [busy, broken, Answer(ONE)]
    assert fetch(program)
    registry.answers[path] = [busy]
    with pytest.raises(AgentError, match="it answers 503"):
        fetch(program)
    assert len(registry.paths(path)) == 6


@pytest.mark.parametrize(("status", "error"), [(404, NotFound), (403, AgentError), (418, AgentError)])
def test_refusal_of_the_registry_is_said_and_not_asked_for_again(registry, fetch, status, error):
    program = registry.add_image([ONE])
    path = f"/v2/team/tool/manifests/sha256:{program.digest.removeprefix('0x')}"
    registry.answers[path] = [Answer(status=status)]
    with pytest.raises(error, match="team/tool@sha256"):
        fetch(program)
    assert len(registry.asked) == 1


def test_registry_that_is_not_there_is_the_machines_trouble_with_its_name(fetch):
    program = parse_image(f"127.0.0.1:1/team/tool@sha256:{'0' * 64}")
    with pytest.raises(AgentError, match=r"does not give 127\.0\.0\.1:1/team/tool"):
        fetch(program, allowed=["127.0.0.1:1"])
    with pytest.raises(AgentError, match="does not answer"):
        ping("127.0.0.1:1")


def test_ping_tells_a_registry_from_another_server(registry):
    with pytest.raises(AgentError, match="answers 404"):
        ping(registry.host)
    registry.answers["/v2/"] = [Answer(status=401)]
    ping(registry.host)


@pytest.mark.parametrize(
    ("host", "base"),
    [("registry.example.org", "https://registry.example.org/v2/a/"), ("docker.io", "https://registry-1.docker.io/v2/a/"),
     ("127.0.0.1:5000", "http://127.0.0.1:5000/v2/a/"), ("localhost:5000", "http://localhost:5000/v2/a/"),
     ("127.0.0.1.example.org", "https://127.0.0.1.example.org/v2/a/"), ("10.0.0.1", "https://10.0.0.1/v2/a/")],
)  # fmt: skip
def test_registries_are_asked_over_tls_but_for_the_loopback(host, base):
    repository = Repository(parse_image(f"{host}/a@sha256:{'0' * 64}"), [host])
    assert str(repository._base) == base
