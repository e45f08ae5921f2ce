"""JSON of strangers: what is read, what is refused, and that its depth never reaches the reader's stack."""

import pytest

from marketplace.errors import MalformedMessage
from marketplace.protocol.parsing import MAX_JSON_DEPTH, parse_json
from tests.fakes.recursion import raised_recursion_limit


def test_what_json_can_say_is_read():
    assert parse_json('{"a": [1, -2.5, true, null, "ü😀", "\\ud83d\\ude00"]}'.encode(), "it") == {
        "a": [1, -2.5, True, None, "ü😀", "😀"]
    }


def test_wide_integers_stay_exact():
    assert parse_json(str(2**256 - 1).encode(), "it") == 2**256 - 1


def test_of_a_key_that_is_there_twice_the_last_counts():
    assert parse_json(b'{"a": 1, "a": 2}', "it") == {"a": 2}


def test_the_deepest_document_allowed_is_read_and_one_deeper_is_not():
    assert parse_json(b"[" * MAX_JSON_DEPTH + b"]" * MAX_JSON_DEPTH, "it")
    with pytest.raises(MalformedMessage, match="it: is not JSON"):
        parse_json(b"[" * 2 * MAX_JSON_DEPTH + b"]" * 2 * MAX_JSON_DEPTH, "it")


@pytest.mark.parametrize("document", [b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000])
def test_depth_is_bounded_by_the_reader_and_not_by_the_recursion_limit(document):
    with raised_recursion_limit(), pytest.raises(MalformedMessage, match="recursion"):
        parse_json(document, "it")


@pytest.mark.parametrize(
    "document",
    [b"", b"{", b"NaN", b"-Infinity", b'"\\ud800"', b'"\xff"', '{"a":1}'.encode("utf-16"), b"{} {}", b'"\n"',
     b"9" * 4_301],
)  # fmt: skip
def test_what_is_no_json_is_refused_by_name(document):
    with pytest.raises(MalformedMessage) as refused:
        parse_json(document, "answer")
    assert refused.value.values["field"] == "answer"
