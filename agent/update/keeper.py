"""The daemon's part in updates: looks now and then, by a helper process; leaves in order once a release is prepared.

Nothing is switched before `agent.drain` says that no lease is left and every attestation is posted; then the daemon
ends with a status by which its service manager starts it again, as the new version.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import structlog

from agent.daemon import Step
from agent.drain import NOTE, SUCCESSOR, request_drain
from agent.journal import Journal
from agent.settings import ProviderSettings
from agent.update.installation import Installation
from agent.update.release import is_newer
from marketplace.errors import SettingsError, VersionSwitched

log = structlog.get_logger("provider")
FIRST_LOOK_SECONDS = (60, 600)
"""After a start, drawn anew each time: not all machines at once after a power cut."""
HELPER_SECONDS = 2 * 3_600
SUPERVISED = "supervised"

Start = Callable[[list[str]], "subprocess.Popen[str]"]


class Updates:
    """Whether there is another version, and when to make room for it. `step` never waits."""

    def __init__(
        self,
        settings: ProviderSettings,
        journal: Journal,
        installation: Installation | None,
        *,
        is_heard: Event,
        now: Callable[[], float] = time.time,
        draw: random.Random | None = None,
        start: Start | None = None,
    ) -> None:
        """`installation`: the one that hive-provider-start has started this from; None anywhere else."""
        self._settings, self._journal, self._installation = settings, journal, installation
        self._is_on_trial = installation is not None
        self._is_heard, self._now, self._draw = is_heard, now, draw or random.Random()
        self._start = start or start_helper
        self._helper: subprocess.Popen[str] | None = None
        self._started_at = 0.0
        self._due = now() + self._draw.uniform(*FIRST_LOOK_SECONDS)

    def step(self) -> None:
        """One look at how things stand."""
        if not self._is_heard.is_set():
            return
        if self._is_on_trial and self._installation is not None:
            self._installation.end_trial()
            self._is_on_trial = False
        if self._helper is not None:
            self._look_at_helper(self._helper)
        elif self._settings.self_update != "off" and self._now() >= self._due:
            self._begin()

    def close(self) -> None:
        """End a helper that is still at work; it begins anew another time."""
        if self._helper is not None:
            end_helper(self._helper)
            self._helper = None

    def _begin(self) -> None:
        seconds = self._settings.update_hours * 3_600
        self._started_at = self._now()
        self._due = self._started_at + seconds * self._draw.uniform(0.9, 1.1)
        task = "prepare" if self._settings.self_update == "on" and self._installation is not None else "look"
        root, url = require_pin(self._settings)
        try:
            self._helper = self._start([task, str(root), url, str(self._settings.data)])
        except OSError as error:  # short of memory: no reason to end
            log.warning("no update", why=f"the helper cannot be started: {error.strerror or error}")

    def _look_at_helper(self, helper: "subprocess.Popen[str]") -> None:
        if helper.poll() is None:
            if self._now() - self._started_at > HELPER_SECONDS:
                log.warning("update given up", why=f"not done after {HELPER_SECONDS} s")
                self.close()
            return
        self._helper = None
        said, complained = helper.communicate()
        if helper.returncode:
            log.warning("no update", why=complained.strip()[-1_000:] or f"the helper ended with {helper.returncode}")
            return
        found = json.loads(said)
        if found["aside"]:
            log.warning("update set aside", version=found["version"], why=found["aside"])
        elif not found["isNewer"]:
            log.info("up to date", version=found["version"])
        elif found["isReady"] and self._settings.self_update == "on":
            self._make_room(found["version"])
        else:
            log.info("update available", version=found["version"])

    def _make_room(self, version: str) -> None:
        wish = self._journal.note(NOTE)
        if wish is None:
            log.info("update prepared: leaving in order", version=version)
            request_drain(self._journal, int(self._now()), successor=version)
        elif wish.get("successor"):  # it leaves already, for one that this one took the place of
            self._journal.record_note(NOTE, wish | {"successor": version})


def require_pin(settings: ProviderSettings) -> tuple[Path, str]:
    """What releases are held against, and where they are. Raises SettingsError where either is not stated."""
    if settings.update_root is None or not settings.update_url:
        missing = "UPDATE_URL" if settings.update_root else "UPDATE_ROOT"
        raise SettingsError(
            f"COMPUTEHIVE_AGENT_{missing} is not set: releases are believed by nobody's word but yours.",
            hint="Name the root.json of who makes the releases, and where these are; see docs/how-to/release.md.",
        )
    if not settings.update_url.startswith(("https://", "http://")):
        raise SettingsError(f"COMPUTEHIVE_AGENT_UPDATE_URL: {settings.update_url!r} is no address: https://… is.")
    return settings.update_root, settings.update_url


@contextmanager
def keep_updated(settings: ProviderSettings, is_heard: Event, *, is_supervised: bool) -> Iterator[list[Step]]:
    """The steps that a daemon takes for it, none where there is nothing to do.

    `is_supervised`: hive-provider-start has started it. Raises SettingsError where updates are wanted and it is not
    said whose; VersionSwitched at the end, where the daemon has left for another version.
    """
    installation = Installation.find(Path(sys.prefix)) if is_supervised else None
    is_wanted = settings.self_update != "off"
    if is_wanted:
        require_pin(settings)
    if settings.self_update == "on" and installation is None:
        log.warning("updates are only told of", why="this provider was not started by hive-provider-start")
    journal = Journal(settings.data / "provider.sqlite")
    try:
        journal.record_note(SUPERVISED, installation is not None)
        journal.record_note(SUCCESSOR, None)
        updates = Updates(settings, journal, installation, is_heard=is_heard)
        try:
            yield [updates.step] if is_wanted or installation is not None else []
        finally:
            updates.close()
        if installation is not None:
            _switch(installation, journal.note(SUCCESSOR))
    finally:
        journal.close()


def _switch(installation: Installation, successor: str | None) -> None:
    if not successor:
        return
    if not installation.is_ready(successor):  # deleted by hand, or a newer one took its place
        log.warning("update gone", version=successor, why="it is not installed any more")
        raise VersionSwitched(f"Left for version {successor}, which is gone: {installation.current} is started again.")
    installation.switch_to(successor, is_on_trial=is_newer(successor, installation.current))
    raise VersionSwitched(f"Left for version {successor}.", hint="The service manager starts it.")


def start_helper(arguments: list[str]) -> "subprocess.Popen[str]":
    """`agent.update` in a process group of its own, without this daemon's settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COMPUTEHIVE_")}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "agent.update", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True,
    )  # fmt: skip


def end_helper(helper: "subprocess.Popen[str]", seconds: float = 10) -> None:
    """End it, and what it has started."""
    helper.terminate()
    try:
        helper.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(helper.pid, signal.SIGKILL)
        helper.communicate()
