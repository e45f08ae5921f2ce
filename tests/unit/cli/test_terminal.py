"""A program's bytes on a terminal: nothing of them does more than be read."""

import io

import pytest

from marketplace.cli.output import write_text
from marketplace.cli.terminal import Plain, Writer


class Terminal(io.TextIOWrapper):
    """Standard output as a terminal, or not."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="")
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    @property
    def written(self) -> bytes:
        self.flush()
        return self.buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"plain\ttext\n", "plain\ttext\n"),
        ("Größe 日本 🙂 a\u200db".encode(), "Größe 日本 🙂 a\u200db"),
        (b"\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("\x9b31m\u202etxt.exe\u2028".encode(), "\\x9b31m\\u202etxt.exe\\u2028"),
        (b"10%\r20%\r\n", "10%\n20%\n"),
        (b"\x00\x08\x0b\x7f", "\\x00\\x08\\x0b\\x7f"),
        (b"bad \xff byte", "bad \ufffd byte"),
        (b"[bold]no markup[/bold]", "[bold]no markup[/bold]"),
    ],
)
def test_what_would_do_something_is_shown_instead(data, shown):
    assert Plain()(data, is_last=True) == shown
    in_pieces = Plain()
    assert "".join(in_pieces(bytes([byte])) for byte in data) + in_pieces(b"", is_last=True) == shown


def test_a_character_that_its_end_cut_off_is_shown_as_such():
    plain = Plain()
    assert plain("é".encode()[:1]) == "" and plain(b"", is_last=True) == "\ufffd"


@pytest.mark.parametrize(
    ("is_terminal", "raw", "written"),
    [(True, False, b"\\x1b[31m\n"), (True, True, b"\x1b[31m\n"), (False, False, b"\x1b[31m\n")],
)  # fmt: skip
def test_only_a_terminal_is_protected_and_only_until_raw_is_asked_for(monkeypatch, is_terminal, raw, written):
    screen = Terminal(is_terminal)
    monkeypatch.setattr("sys.stdout", screen)
    write_text(b"\x1b[31m\n", raw=raw)
    assert screen.written == written


def test_pieces_are_there_at_once(monkeypatch):
    screen = Terminal(True)
    monkeypatch.setattr("sys.stderr", screen)
    Writer(to_error=True).write(b"half a line")
    assert screen.buffer.getvalue() == b"half a line"
