"""chain://name[@version]: what is a name, what is a version, what looks alike."""

import pytest

from marketplace.errors import MalformedMessage
from marketplace.protocol.module_uri import (
    ModuleUri,
    Version,
    compute_name_id,
    compute_skeleton,
    read_name_id,
    validate_name,
)

GREATEST = 2**64 - 1


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        ("chain://abc", "abc", None),
        ("chain://word-count@1.4.0", "word-count", Version(1, 4, 0)),
        ("chain://7-zip@0.0.1", "7-zip", Version(0, 0, 1)),
        (f"chain://{'x' * 32}@{GREATEST}.{GREATEST}.{GREATEST}", "x" * 32, Version(GREATEST, GREATEST, GREATEST)),
    ],
)
def test_a_uri_is_read_and_written_back(text, name, version):
    uri = ModuleUri.parse(text)
    assert (uri.name, uri.version) == (name, version)
    assert str(uri) == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("word-count", "does not begin with chain://"),
        ("CHAIN://word-count", "does not begin with chain://"),
        ("https://word-count", "does not begin with chain://"),
        ("", "does not begin with chain://"),
        ("chain://", "has 0 bytes; a name has 3 to 32"),
        ("chain://ab", "has 2 bytes"),
        (f"chain://{'x' * 33}", "has 33 bytes"),
        ("chain://äöü€äöü€äöü€", "'ä' .character 1. is not one of"),
        ("chain://ä" + "ö" * 20, "has 42 bytes"),
        ("chain://abc\ud800", "is not one of"),
        ("chain://Word", "'W' .character 1. is not one of"),
        ("chain://pub/name", "'/' .character 4. is not one of"),
        ("chain://word_count", "'_' .character 5. is not one of"),
        ("chain://word count", "' ' .character 5. is not one of"),
        ("chain://word\n", "character 5"),
        ("chain://раypal", "character 1. is not one of"),  # the first two letters are Cyrillic
        ("chain://ab٣", "character 3. is not one of"),
        ("chain://-word", "hyphens stand alone and inside .character 1."),
        ("chain://word-", "hyphens stand alone and inside .character 5."),
        ("chain://a--b", "hyphens stand alone and inside .character 3."),
        ("chain://word@", "'' is not major.minor.patch"),
        ("chain://word@latest", "'latest' is not major.minor.patch"),
        ("chain://word@1.2", "'1.2' is not"),
        ("chain://word@1.2.3.4", "'1.2.3.4' is not"),
        ("chain://word@v1.2.3", "'v1.2.3' is not"),
        ("chain://word@1.2.3-rc.1", "is not major.minor.patch"),
        ("chain://word@1.2.3+build", "is not major.minor.patch"),
        ("chain://word@01.2.3", "leading zeros"),
        ("chain://word@1.-2.3", "'1.-2.3' is not"),
        ("chain://word@1.2.3 ", "'1.2.3 ' is not"),
        ("chain://word@1.2.3\n", "is not major.minor.patch"),
        ("chain://word@1.2.٣", "is not major.minor.patch"),
        ("chain://word@1.2.3@4", "is not major.minor.patch"),
        ("chain://word@0.0.0", "0.0.0 is no version"),
        (f"chain://word@0.0.{GREATEST + 1}", f"from 0 to {GREATEST}"),
        ("chain://word@1." + "9" * 5_000 + ".0", "has a number above"),
    ],
)
def test_what_is_no_uri_is_refused_with_the_reason(text, complaint):
    with pytest.raises(MalformedMessage, match=complaint):
        ModuleUri.parse(text)


def test_versions_are_ordered_by_number_and_not_by_letter():
    texts = ["0.0.1", "0.0.2", "0.0.10", "0.1.0", "0.10.0", "1.0.0", "1.0.1", "2.0.0", "10.0.0"]
    assert [str(version) for version in sorted(map(Version.parse, reversed(texts)))] == texts


@pytest.mark.parametrize(
    "names",
    [
        ("google", "g00gle", "go-0gle", "goog1e", "googie", "goo-gle"),
        ("modern", "modem", "rnodern", "mo-dem"),
        ("www", "vvvvvv", "vwvvv", "w-w-w"),
        ("base-64-lib", "8ase64l1b", "ba5e64iib"),
        ("zip", "2lp", "z1p"),
    ],
)
def test_names_that_look_alike_have_one_skeleton(names):
    assert len({compute_skeleton(name) for name in names}) == 1


def test_names_that_look_different_have_different_skeletons():
    names = [
        "llama-3",
        "llama-4",
        "clock",
        "dock",
        "ffmpeg",
        "ffprobe",
        "sha256",
        "sha512",
        "v6-tool",
        "vb-tool",
        "ant",
    ]
    assert len({compute_skeleton(name) for name in names}) == len(names)


def test_a_skeleton_looks_like_itself():
    for name in ("mail-w0rm", "wi1d-8258", "plain"):
        assert compute_skeleton(compute_skeleton(name)) == compute_skeleton(name)


def test_name_ids_are_the_names_own_bytes():
    assert compute_name_id("abc") == "0x616263" + "00" * 29
    for name in ("abc", "x" * 32, "a-1"):
        assert read_name_id(compute_name_id(name)) == name


@pytest.mark.parametrize("name_id", ["0x", "0xzz", "0x" + "ff" * 32, "0x" + "00" * 32, "0x6162630062" + "00" * 27])
def test_what_is_no_name_id_is_refused(name_id):
    with pytest.raises(MalformedMessage):
        read_name_id(name_id)


def test_a_name_of_a_uri_is_checked_however_it_is_made():
    with pytest.raises(MalformedMessage):
        ModuleUri("No Name")
    with pytest.raises(MalformedMessage):
        validate_name("a" * 10_000)
