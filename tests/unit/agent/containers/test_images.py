"""Archives of images, before any engine sees them."""

import gzip
import io
import json
import tarfile

import pytest

from agent.containers import images
from agent.containers.holder import ARCHITECTURES, holder_image, image_archive
from agent.containers.images import read_image
from marketplace.errors import InvalidModule, TooLarge


def tar_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def files_of(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}


def saved(layer: bytes, **changes) -> bytes:
    manifest = {"Config": "c.json", "RepoTags": ["provider/own:latest"], "Layers": ["l.tar"]} | changes
    return tar_of({"c.json": b"{}", "l.tar": layer, "manifest.json": json.dumps([manifest]).encode()})


LAYER = tar_of({"bin/program": b"x" * 5_000})


def test_names_in_an_image_are_dropped():
    archive = saved(LAYER) + b""
    bare = files_of(read_image(archive).archive)
    assert json.loads(bare["manifest.json"])[0]["RepoTags"] is None
    assert bare.keys() == {"c.json", "l.tar", "manifest.json"}, "and whatever else was in it"


def test_only_what_the_manifest_names_reaches_the_engine():
    files = files_of(saved(LAYER)) | {"repositories": b'{"provider/own": {}}', "index.json": b"{}"}
    assert "repositories" not in files_of(read_image(tar_of(files)).archive)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_image_is_measured_unpacked(pack):
    assert read_image(saved(pack(LAYER))).unpacked_bytes == 5_000


def test_compressed_bomb_is_refused_before_it_is_unpacked():
    bomb = saved(gzip.compress(tar_of({"zeros": bytes(20_000_000)})))
    assert len(bomb) < 100_000
    with pytest.raises(TooLarge, match="unpacked"):
        read_image(bomb, max_unpacked_bytes=1_000_000)


def test_bomb_of_nothing_but_headers_is_refused(monkeypatch):
    many = saved(gzip.compress(tar_of({f"f{n}": b"" for n in range(5_000)})))
    with pytest.raises(TooLarge, match="unpacked"):
        read_image(many, max_unpacked_bytes=100_000)
    monkeypatch.setattr(images, "MAX_FILES", 4_999)
    with pytest.raises(TooLarge, match="files"):
        read_image(many)


def test_layer_that_is_named_again_and_again_counts_each_time():
    assert read_image(saved(LAYER, Layers=["l.tar"] * 3)).unpacked_bytes == 15_000
    with pytest.raises(TooLarge):
        read_image(saved(LAYER, Layers=["l.tar"] * 3), max_unpacked_bytes=14_999)


def test_gzip_file_behind_a_gzip_file_is_read_as_engines_do():
    whole = gzip.compress(LAYER[:512]) + gzip.compress(LAYER[512:])
    assert read_image(saved(whole)).unpacked_bytes == 5_000


def test_what_follows_where_this_reader_sees_the_end_is_refused():
    odd = bytearray(tarfile.TarInfo("hidden").tobuf())
    odd[329:331] = b"\x81\x00"  # a device number that Python's reader does not take
    with pytest.raises(InvalidModule, match=r"goes on after its end|cannot be read"):
        read_image(saved(LAYER.rstrip(b"\0").ljust(6_144, b"\0") + bytes(odd) + LAYER))


def test_links_in_a_circle_and_deep_documents_are_no_image():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("l.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "l.tar"
        archive.addfile(link)
        for name, data in {"c.json": b"{}", "manifest.json": b'[{"Config": "c.json", "Layers": ["l.tar"]}]'}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    for archive in (buffer.getvalue(), tar_of({"manifest.json": b"[" * 100_000})):
        with pytest.raises(InvalidModule, match="cannot be read"):
            read_image(archive)


def test_hole_in_a_file_counts_as_if_it_were_filled():
    buffer = io.BytesIO()
    entry = tarfile.TarInfo("hole")
    entry.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9000000"}
    data = b"0\n".ljust(512, b"\0")
    entry.size = len(data)
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(entry, io.BytesIO(data))
    with pytest.raises(TooLarge):
        read_image(saved(buffer.getvalue()), max_unpacked_bytes=1_000_000)


@pytest.mark.parametrize(
    ("archive", "said"),
    [
        (b"", "cannot be read"),
        (b"\x7fELF" + bytes(600), "cannot be read"),
        (tar_of({"a": b"b"}), "no manifest.json"),
        (tar_of({"manifest.json": b"[]"}), "exactly one"),
        (tar_of({"manifest.json": b"{"}), "cannot be read"),
        (tar_of({"manifest.json": b"[1]"}), "cannot be read"),
        (saved(LAYER, Layers=["absent"]), "cannot be read"),
        (saved(LAYER, Layers=[1]), "names no configuration"),
        (saved(b"no tar at all, and long enough to be one block" * 20), "cannot be read"),
        (saved(b"\x28\xb5\x2f\xfd" + bytes(600)), "zstd"),
    ],
)
def test_what_is_no_image_is_refused_with_what_is_wrong(archive, said):
    with pytest.raises(InvalidModule, match=said):
        read_image(archive)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_holder_is_the_same_image_on_every_machine_of_its_kind(architecture):
    archive, image = holder_image(architecture)
    assert (archive, image) == holder_image(architecture)
    assert read_image(archive).unpacked_bytes < 200
    assert image_archive(LAYER, {})[1] != image
