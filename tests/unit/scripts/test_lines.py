"""The contracts' tests' way to their chain."""

import contextlib
import json
import socket
import threading

import pytest

from tests.contracts.lines import Lines


@pytest.fixture
def chain():
    """Listens; the test plays the chain on the connection that it gets."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        lines = Lines(server.getsockname()[1])
        connection, _ = server.accept()
        with connection, connection.makefile("rwb") as file:
            yield lines, file
            lines.close()


def played(file, change):
    """Answers one line by what `change` makes of it."""
    file.write(json.dumps(change(json.loads(file.readline()))).encode() + b"\n")
    file.flush()


def methods_of(asked):
    """Of one request its method, of a batch all of them."""
    return [each["method"] for each in asked] if isinstance(asked, list) else asked["method"]


def test_a_request_and_a_batch_are_a_line_each(chain):
    lines, file = chain
    for ask, expected in (
        (lambda: lines.make_request("one", [1]), "one"),
        (lambda: lines.make_batch_request([("one", []), ("two", [])]), ["one", "two"]),
    ):
        player = threading.Thread(target=played, args=(file, methods_of))
        player.start()
        assert ask() == expected
        player.join(10)


def test_an_answer_that_nobody_waited_for_is_not_taken_for_the_next_requests(chain):
    lines, file = chain
    lines._connection.settimeout(0.1)
    with pytest.raises(TimeoutError):
        lines.make_request("slow", [])
    with contextlib.suppress(OSError):
        file.write(b'{"result": "of the slow one"}\n')
        file.flush()
    with pytest.raises(ValueError, match="closed"):
        lines.make_request("next", [])
