"""What others wrote never reaches a log raw: no line begins in it, no terminal obeys it."""

import io
import json
import sys

import pytest
import structlog

from marketplace.telemetry.lines import configure_logging

ESCAPE = "\x1b"
HOSTILE = "/jobs\n2026-01-01 [info] paid\r\x1b[2J\x9b31m\u2028\u202ename\x00"


class Screen(io.StringIO):
    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.fixture
def written(monkeypatch):
    def write(is_terminal: bool) -> str:
        screen = Screen(is_terminal)
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.delenv("NO_COLOR", raising=False)
        configure_logging("info")
        structlog.get_logger().info("refused", path=HOSTILE)
        return screen.getvalue()

    kept = structlog.get_config()
    yield write
    structlog.configure(**kept)


def test_on_a_terminal_control_characters_are_shown_and_not_obeyed(written):
    text = written(True)
    assert text.count("\n") == 1 and text.endswith("\n")
    assert "/jobs<U+000A>2026-01-01 [info] paid<U+000D><U+001B>[2J<U+009B>31m<U+2028><U+202E>name<U+0000>" in text
    assert ESCAPE + "[2J" not in text


def test_elsewhere_a_line_is_one_json_document_that_says_what_came(written):
    text = written(False)
    assert text.count("\n") == 1 and text.isascii() and "\x1b" not in text
    assert json.loads(text)["path"] == HOSTILE
