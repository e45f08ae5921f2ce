"""Options that several commands share, as one object each."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from marketplace.cli.options import with_options

CALLS = []


@dataclass(frozen=True)
class Where:
    """Two options."""

    url: Annotated[str | None, typer.Option("--url", help="Of the market.")] = None
    wallet: Annotated[str, typer.Option("--wallet", "-w", help="Who pays.")] = "default"


@with_options
def pay(amount: str, *, where: Where, twice: Annotated[bool, typer.Option("--twice")] = False) -> None:
    """Pays."""
    CALLS.append((amount, where, twice))


@pytest.fixture
def said():
    """Runs the command; its answer, and what it was called with."""
    app = typer.Typer()
    app.command()(pay)

    def run(*words):
        CALLS.clear()
        return CliRunner().invoke(app, words), list(CALLS)

    return run


def test_the_options_of_an_object_reach_the_command_as_that_object(said):
    _, calls = said("5", "--url", "http://here", "-w", "mine", "--twice")
    assert calls == [("5", Where("http://here", "mine"), True)]


def test_what_is_not_given_has_the_objects_own_defaults(said):
    _, calls = said("5")
    assert calls == [("5", Where(None, "default"), False)]


def test_an_option_that_there_is_not_is_refused(said):
    answer, calls = said("5", "--where", "here")
    assert answer.exit_code == 2 and calls == []


def test_help_lists_each_option_as_if_it_were_the_commands_own(said):
    answer, _ = said("--help")
    assert "Pays." in answer.output and "Of the market." in answer.output and "Who pays." in answer.output
