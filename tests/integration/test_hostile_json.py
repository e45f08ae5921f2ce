"""No document, query or address that a stranger sends ends the market's process: each gets its problem document.

In a process of its own, as what is tested here once was a segmentation fault: libraries that it loads raise Python's
recursion limit beyond what the stack holds.
"""

import re
import sys

import httpx
import pytest

from marketplace.devnet.process import ManagedProcess, free_port, is_listening
from scripts.toolchain import ROOT

DEEP = 100_000
DIGEST = "0x" + "11" * 32
TOOL = b'{"resources": {"memoryMb": 1, "durationSeconds": 1, "fuel": 0}, "jobSpec": {"sandbox": "mcp", "program": {"kind": "tool", "module": "chain://a-b@1.0.0", "digest": "%s", "tool": "t", "arguments": {"a": %s}}}}'  # noqa: E501

DOCUMENTS = {
    "brackets": b"[" * DEEP + b"]" * DEEP,
    "brackets left open": b"[" * DEEP,
    "objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "objects left open": b'{"jobSpec":' * DEEP,
    "brackets in a field": b'{"bid":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "brackets after a text with quotes": b'["\\"[",' + b"[" * DEEP + b"]" * DEEP + b"]",
    "a long number": b'{"bid": ' + b"9" * DEEP + b"}",
    "a long negative number": b'{"bid": -' + b"9" * DEEP + b"}",
    "a long exponent": b'{"bid": 1e' + b"9" * DEEP + b"}",
    "no number": b'{"bid": NaN}',
    "infinity": b'{"bid": -Infinity}',
    "an infinite price": b'{"bid": {"maxPrice": 1e400}}',
    "a key twice": b'{"bid": {}, "bid": 1}',
    "half a character": b'{"bid": "\\ud800", "signature": "\\udfff"}',
    "half a character as a key": b'{"\\ud800": 1}',
    "no UTF-8": b'{"bid": "\xff"}',
    "UTF-16": '{"bid": 1}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "zero bytes": b"\0" * 100,
    "a text with a zero": b'{"bid": "\\u0000"}',
    "many numbers": b"[" + b"1," * 100_000 + b"1]",
    "deep arguments": TOOL % (DIGEST.encode(), b"[" * 190 + b"]" * 190),
    "infinite arguments": TOOL % (DIGEST.encode(), b"1e400"),
    "long arguments": TOOL % (DIGEST.encode(), b"9" * 4_000),
}
TEXTS = ("[" * 5_000, "9" * 6_000, "NaN", "1e999", "\0", "-1", "99999999999999999999", "\u0660", "\ufffd")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("served"), free_port()
    command = [sys.executable, "-m", "tests.fakes.served", folder, str(port)]
    with ManagedProcess("market", command, folder / "log", cwd=ROOT) as process:
        process.wait_ready(lambda: is_listening(port))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client, process


def routes(client: httpx.Client, *methods: str) -> list[tuple[str, str, dict]]:
    """Method, address and description of all that the market says it has."""
    paths = client.get("/openapi.json").json()["paths"]
    return [
        (method.upper(), path, what)
        for path, each in paths.items()
        for method, what in each.items()
        if method in methods
    ]


def fill(path: str, text: str = DIGEST) -> str:
    return re.sub(r"\{[^}]*\}", text, path)


def assert_refused(response: httpx.Response) -> None:
    assert 400 <= response.status_code < 500, response.text[:300]
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"]


def test_the_process_is_one_whose_recursion_limit_was_raised(served):
    """Else the rest of this file would pass with any reader."""
    limit = re.search(r"recursion limit (\d+)", served[1].log.read_text())
    assert limit is not None and int(limit[1]) >= DEEP


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
@pytest.mark.parametrize(
    "announced", [{"Content-Type": "application/json"}, {"Content-Type": "application/x+JSON"}, {}]
)
def test_every_address_that_takes_a_document_refuses_a_hostile_one_and_lives_on(served, announced, document):
    client, process = served
    posts = [one for one in routes(client, "post", "put") if "requestBody" in one[2]]
    assert len(posts) >= 14
    for method, path, _ in posts:
        assert_refused(client.request(method, fill(path), content=document, headers=announced))
    assert process.is_running and client.get("/health").status_code == 200


def test_every_query_parameter_and_address_refuses_hostile_text_and_lives_on(served):
    client, process = served
    for _, path, what in routes(client, "get"):
        asked = [(fill(path), {one["name"]: text}) for one in what.get("parameters", []) for text in TEXTS
                 if one["in"] == "query"]  # fmt: skip
        if fill(path) != path:
            asked += [(fill(path, text), {}) for text in ("[" * 5_000, "%ff", "%00", "9" * 5_000)]
        for address, query in asked:
            response = client.get(address, params=query)
            if response.status_code != 200:  # some of these texts name nothing, and nothing is found
                assert_refused(response)
    assert process.is_running and client.get("/health").status_code == 200
