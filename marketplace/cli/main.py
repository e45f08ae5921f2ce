"""The entry point of `hive`: the commands, and what an expected error looks like.

stdout carries data, stderr talk. An error is one sentence and what to do, with the exit code of its class
(`marketplace/errors.py`); under `--json` it is one JSON object on stdout. Modules that are slow to import (web3,
eth-account, the service) are imported inside the commands that need them.
"""

import importlib.metadata
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from marketplace.cli import (
    audit_log,
    ca,
    claims,
    configuring,
    dev,
    faucet,
    job_views,
    jobs,
    logs,
    modules,
    money,
    nodes,
    operators,
    orders,
    private,
    resuming,
    verify,
    wallets,
    workflows,
)
from marketplace.cli.output import print_error, set_quiet
from marketplace.errors import MarketError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

app = typer.Typer(
    name="hive",
    help="Rent and offer compute that nobody has to trust: a price before you sign, a hard cap, a bill you can check.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
dev.register(app)
faucet.register(app)
jobs.register(app)
job_views.register(app)
logs.register(app)
orders.register(app)
resuming.register(app)
workflows.register(app)
private.register(app)
claims.register(app)
money.register(app)
wallets.register(app)
nodes.register(app)
operators.register(app)
configuring.register(app)
modules.register(app)
verify.register(app)
audit_log.register(app)
ca.register(app)


def _say_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"hive {importlib.metadata.version('computehive')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is."),
    ] = False,
) -> None:
    """Options of `hive` itself; what it is for stands above."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `hive`; ends the process with the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    set_quiet(as_json)
    try:
        app(args=given, prog_name="hive")
    except MarketError as error:
        print_error(error, as_json=as_json)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # `hive jobs | head`: the reader has enough
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    main()
