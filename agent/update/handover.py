"""From one version to another, by hand: at once where no daemon works, else once it has left in order."""

import time
from pathlib import Path

from agent.drain import NOTE, request_drain
from agent.journal import Journal
from agent.lock import is_held
from agent.update.installation import Installation
from agent.update.keeper import SUPERVISED
from agent.update.release import is_newer
from marketplace.errors import ConflictError


def hand_over(installation: Installation, version: str, data: Path) -> bool:
    """Have `version` started next; whether that is so at once. A daemon that works in `data` is asked to leave first.

    Raises ConflictError where that daemon would not be started again, or leaves already.
    """
    if not is_held(data, "provider"):
        installation.switch_to(version, is_on_trial=is_newer(version, installation.current))
        return True
    journal = Journal(data / "provider.sqlite")
    try:
        if not journal.note(SUPERVISED):
            raise ConflictError(
                f"The provider in {data} was not started by hive-provider-start: nothing would start it again.",
                hint=f"Stop it, and say this again. Version {version} is prepared.",
            )
        if journal.note(NOTE) is not None:
            raise ConflictError("The provider leaves already.", hint="`hive provider drain --undo` lets it stay.")
        request_drain(journal, int(time.time()), successor=version)
    finally:
        journal.close()
    return False
