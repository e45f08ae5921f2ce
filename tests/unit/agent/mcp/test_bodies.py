"""What a client over HTTP sends is read safely before the SDK reads it."""

import asyncio

import pytest

from agent.mcp.bodies import MAX_BODY_BYTES, require_json
from marketplace.protocol.parsing import MAX_JSON_DEPTH

CALL = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}'


def send(*chunks: bytes, gone: bool = False, limit: int = MAX_BODY_BYTES):
    """What the application behind the guard was given, and the status and the text that the client got."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.disconnect"} if gone else {"type": "http.request", "body": b"", "more_body": False})
    given, answered = [], []

    async def receive():
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def answer(message):
        answered.append(message)

    async def app(scope, receive, send):
        given.extend([await receive(), await receive()])

    asyncio.run(require_json(app, limit)({"type": "http", "headers": []}, receive, answer))
    status = answered[0]["status"] if answered else None
    return given, status, b"".join(one.get("body", b"") for one in answered).decode()


@pytest.mark.parametrize("chunks", [(CALL,), (CALL[:9], CALL[9:]), ()], ids=["whole", "in parts", "none"])
def test_call_reaches_the_sdk_as_it_was_sent_and_so_does_what_comes_after_it(chunks):
    given, status, _ = send(*chunks)
    assert given == [
        {"type": "http.request", "body": b"".join(chunks), "more_body": False},
        {"type": "http.disconnect"},
    ]
    assert status is None


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 50_000 + b"1" + b"}" * 50_000, b"{", b"NaN", b"\xff",
     b'{"n": ' + b"9" * 100_000 + b"}", b'"\\ud800"'],
    ids=["brackets", "closed", "objects", "cut short", "nan", "no utf-8", "digits", "half a character"],
)  # fmt: skip
def test_what_would_harm_its_reader_never_reaches_it(body):
    given, status, text = send(body)
    assert (given, status) == ([], 400) and "is not JSON that can be read" in text


def test_depth_that_a_call_may_have_is_left_to_it():
    deep = b"[" * (MAX_JSON_DEPTH - 10) + b"]" * (MAX_JSON_DEPTH - 10)
    assert send(deep)[0][0]["body"] == deep


def test_request_is_cut_off_where_it_is_too_long_however_it_is_sent():
    given, status, text = send(b'"' + b"a" * 60, b"a" * 60 + b'"', b"never read", limit=100)
    assert (given, status) == ([], 413) and "122 bytes" in text
    assert send(b'"' + b"a" * 98 + b'"', limit=100)[1] is None


def test_client_that_goes_while_it_sends_calls_nothing():
    assert send(CALL[:5], gone=True) == ([], None, "")


def test_what_is_no_request_passes():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    asyncio.run(require_json(app)({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]
