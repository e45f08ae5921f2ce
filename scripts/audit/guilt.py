"""Which mutant a compiler's error is about. Mutants stand between the marks `/*<17*/` and `/*>17*/`."""

import re
from collections.abc import Mapping
from typing import Any

_MARK = re.compile(r"/\*([<>])(\d+)\*/")


def guilty_in(texts: Mapping[str, str], error: Mapping[str, Any]) -> set[int]:
    """The mutant whose text an error is in; where it is around them, all inside."""
    place = error.get("sourceLocation") or {}
    if place.get("file") not in texts:
        return set()
    text = texts[place["file"]].encode()
    inside = text[place["start"] : place["end"]].decode()
    around = _open_at(text[: place["start"]].decode())
    if around:
        return {around[-1]}
    return {int(number) for mark, number in _MARK.findall(inside) if mark == "<"}


def _open_at(before: str) -> list[int]:
    found: list[int] = []
    for mark, number in _MARK.findall(before):
        if mark == "<":
            found.append(int(number))
        elif found:
            found.pop()
    return found
