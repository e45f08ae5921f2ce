"""A file is written whole or not at all, whatever the disk does in the middle."""

import os

import pytest

from marketplace.client.files import write_new, write_whole


@pytest.fixture
def full(monkeypatch):
    """A disk that takes bytes, and says later that it could not."""

    def fail(_) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)


@pytest.mark.parametrize("write", [write_whole, write_new])
def test_what_is_written_is_there_with_the_mode_that_the_mask_leaves(tmp_path, write):
    before = os.umask(0o027)
    try:
        write(tmp_path / "file", b"all of it")
    finally:
        os.umask(before)
    assert (tmp_path / "file").read_bytes() == b"all of it"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_what_is_there_is_replaced_by_the_one_and_kept_by_the_other(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        write_new(file, b"new")
    assert file.read_bytes() == b"old"
    write_whole(file, b"new")
    assert file.read_bytes() == b"new" and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("write", [write_whole, write_new])
def test_a_disk_that_fails_leaves_what_was_there_and_no_piece(tmp_path, full, write):
    with pytest.raises(OSError, match="No space"):
        write(tmp_path / "file", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_does_not_take_the_old_file(tmp_path, full):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1
