"""What is read once and kept: contents that their key determines."""

import pytest

from marketplace.domain.kept import Kept


def test_a_value_is_made_once_and_the_oldest_makes_way():
    kept: Kept[str, str] = Kept(2)
    made: list[str] = []

    def make(name: str) -> str:
        return kept.get(name, lambda: made.append(name) or name.upper())

    assert [make("a"), make("a"), make("b")] == ["A", "A", "B"] and made == ["a", "b"]
    make("c")
    assert len(kept) == 2
    make("a")
    assert made == ["a", "b", "c", "a"]


def test_what_cannot_be_made_is_not_kept():
    kept: Kept[str, int] = Kept(2)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 // 0)
    assert kept.get("a", lambda: 7) == 7
