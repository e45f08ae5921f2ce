"""`hive provider drain`: the daemon of this machine takes no new leases, finishes what runs, and ends."""

import time
from collections.abc import Callable
from typing import Annotated

import typer

from marketplace.cli.agent_settings import prepare_agent
from marketplace.cli.context import JsonOption
from marketplace.cli.options import with_options
from marketplace.cli.output import clock_time, out, print_json
from marketplace.cli.wiring import Holder
from marketplace.errors import WaitTimeout

PAUSE_SECONDS = 0.2


@with_options
def provider_drain(
    *,
    holder: Holder,
    within: Annotated[
        int | None, typer.Option("--within", min=1, help="Seconds after which running jobs are stopped; else they end.")
    ] = None,
    wait: Annotated[
        float | None, typer.Option("--wait", min=0, help="Seconds to wait until the daemon has ended.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Stay after all, and offer again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Leave in order: the provider daemon withdraws its ask, lets its jobs end, and ends with exit code 0.

    Without --within its last leases are settled then, or claimed. With it the daemon does not wait for that: a job that
    is stopped costs its renter nothing and earns nothing, and what is done and not settled yet is claimed only by
    starting it again.
    """
    from agent.drain import ask_to_leave, ask_to_stay, has_left
    from agent.settings import ProviderSettings, load_settings

    prepare_agent(holder, needs_password=False)
    folder = load_settings(ProviderSettings).data
    if undo:
        said = "It stays, and offers again." if ask_to_stay(folder) else "It was not asked to leave."
        _say(said, {"draining": False}, as_json=as_json)
        return
    until = ask_to_leave(folder, int(time.time()), within)
    has_ended = wait is not None and _wait_for_end(lambda: has_left(folder), wait)
    when = f"; jobs are stopped at {clock_time(until)}" if until is not None else "; its jobs come to their end"
    said = "It has left." if has_ended else f"It takes no new leases{when}. `hive nodes` shows it until it has left."
    _say(said, {"draining": not has_ended, "until": until}, as_json=as_json)


def _wait_for_end(has_ended: Callable[[], bool], seconds: float) -> bool:
    """True once it has. Raises WaitTimeout."""
    until = time.monotonic() + seconds
    while not has_ended():
        if time.monotonic() >= until:
            raise WaitTimeout(
                f"The provider is still leaving after {seconds:g} s.",
                hint="It goes on leaving; --within gives its jobs a time to be stopped at.",
            )
        time.sleep(PAUSE_SECONDS)
    return True


def _say(text: str, document: dict, *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        out().print(text)
