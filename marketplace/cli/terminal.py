"""A program's own bytes on a terminal: nothing that it prints moves the cursor, changes the title or hides text.

Into a file or another program they go as they are.
"""

import codecs
import sys
import unicodedata

_KEPT = "\n\t\u200c\u200d"
"""Line ends and tabs; joiners, without which some scripts and signs fall apart."""
_HARMFUL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of what is not shown itself but does something: controls, directions, separators of lines."""


class Plain:
    """Text fit for a terminal, out of bytes that come in pieces: what would do something is shown as an escape.

    A line end of two characters is one; a bare carriage return, which would write over the line, ends it.
    """

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        self._after_return = False

    def __call__(self, data: bytes, *, is_last: bool = False) -> str:
        """The next piece; with `is_last` also a character that was cut off."""
        return "".join(map(self._show, self._decode(data, is_last)))

    def _show(self, mark: str) -> str:
        after_return, self._after_return = self._after_return, mark == "\r"
        if mark == "\r":
            return "\n"
        if mark == "\n" and after_return:
            return ""
        if mark in _KEPT or unicodedata.category(mark) not in _HARMFUL:
            return mark
        return mark.encode("unicode_escape").decode()


class Writer:
    """Bytes onto standard output or error: as they are where `raw` or no terminal, else as `Plain` shows them."""

    def __init__(self, *, to_error: bool = False, raw: bool = False) -> None:
        self._stream = sys.stderr if to_error else sys.stdout
        self._plain = None if raw or not self._stream.isatty() else Plain()

    def write(self, data: bytes, *, is_last: bool = False) -> None:
        """Show the next piece at once."""
        self._stream.flush()
        if self._plain is None:
            self._stream.buffer.write(data)
        else:
            self._stream.write(self._plain(data, is_last=is_last))
        self._stream.flush()
