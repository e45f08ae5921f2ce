"""An installation that can replace itself: versions side by side, and one link that says which is the current one.

    FOLDER/hive-provider-start   what the service manager starts; stands outside of every version
    FOLDER/current, previous     links to versions/X.Y.Z
    FOLDER/versions/X.Y.Z/       a virtual environment each; `ready` in it once it was tried
    FOLDER/aside/X.Y.Z           a version that failed, and why
    FOLDER/trial                 the version that was switched to and has not been heard by the market yet

Each step is one rename: whenever the power goes, `current` names a version that was tried.
"""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from agent.update.release import is_newer, order_of
from agent.update.seen import sync_folder, write_whole
from marketplace.errors import AgentError, ConflictError, NotFound

STARTER = "hive-provider-start"
TRIAL_SECONDS = 900
"""How long a new version has until the market must have heard its daemon."""
_READY = "ready"


@dataclass(frozen=True, slots=True)
class Installation:
    """One such folder."""

    root: Path

    @classmethod
    def find(cls, prefix: Path) -> "Installation | None":
        """The installation whose version has the environment `prefix` (`sys.prefix`); None where it is of none."""
        real = prefix.resolve()
        root = real.parent.parent
        found = real.parent.name == "versions" and (root / "current").is_symlink() and (root / STARTER).exists()
        return cls(root) if found else None

    @classmethod
    def make(cls, root: Path) -> "Installation":
        """An empty one, or the one that is there without a version. Raises ConflictError for anything else there."""
        known = {STARTER, "versions", "aside"}
        if root.exists() and (not root.is_dir() or {each.name for each in root.iterdir()} - known):
            raise ConflictError(f"{root} is not empty.", hint="Name a folder that is empty, or not there yet.")
        (root / "versions").mkdir(parents=True, exist_ok=True)
        write_whole(root / STARTER, files("agent.update").joinpath("start.sh").read_text())
        (root / STARTER).chmod(0o755)
        return cls(root.resolve())

    # --- what there is ---------------------------------------------------------------------------------------------

    @property
    def current(self) -> str:
        """The version that is started next; empty where none was installed yet."""
        return self._named("current")

    @property
    def previous(self) -> str:
        """The version to go back to; empty where there is none."""
        version = self._named("previous")
        return version if version != self.current and self.is_ready(version) else ""

    def folder_of(self, version: str) -> Path:
        """Where a version lies, or would."""
        order_of(version)  # nothing else becomes a path
        return self.root / "versions" / version

    def is_ready(self, version: str) -> bool:
        """Whether a version is installed and was tried."""
        return bool(version) and (self.folder_of(version) / _READY).exists()

    def why_aside(self, version: str) -> str:
        """Why a version is not to be used; empty where nothing speaks against it."""
        try:
            return (self.root / "aside" / version).read_text().strip() or "it failed"
        except FileNotFoundError:
            return ""

    def _next(self) -> str:
        """The newest version after the current one that is ready and not set aside; empty where there is none."""
        found = [path.parent.name for path in (self.root / "versions").glob(f"*/{_READY}")]
        after = [each for each in found if is_newer(each, self.current) and not self.why_aside(each)]
        return max(after, key=order_of, default="")

    def _named(self, link: str) -> str:
        path = self.root / link
        return path.readlink().name if path.is_symlink() else ""

    # --- changes ---------------------------------------------------------------------------------------------------

    def mark_ready(self, version: str) -> None:
        """It was tried, and works."""
        write_whole(self.folder_of(version) / _READY, "")

    def set_aside(self, version: str, why: str) -> None:
        """Never switch to this version by itself again."""
        write_whole(self.root / "aside" / version, why + "\n")

    def take_back(self, version: str) -> None:
        """Give a version that was set aside another chance."""
        (self.root / "aside" / version).unlink(missing_ok=True)

    def switch_to(self, version: str, *, is_on_trial: bool, seconds: int = TRIAL_SECONDS) -> None:
        """Make `version` the one that is started next; what was, is kept as the previous one.

        On trial it has `seconds` to be heard by the market, else hive-provider-start goes back. Raises NotFound where
        it is not installed.
        """
        if not self.is_ready(version):
            raise NotFound("installed version", version)
        before = self.current
        if before == version:
            return
        self.end_trial()
        if is_on_trial and before:
            write_whole(self.root / "trial", f"{version} {seconds}\n")
        if before:
            self._link("previous", before)
        self._link("current", version)

    def end_trial(self) -> None:
        """The current version has been heard: keep it."""
        for name in ("trial", "trial.begun"):
            (self.root / name).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Delete what neither is used nor could be gone back to, nor is the newest that waits to be switched to.

        That one a daemon may be leaving for: it goes only once a newer one can take its place.
        """
        kept = {self.current, self._named("previous"), self._next()}
        for path in (self.root / "versions").iterdir():
            if path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)

    def _link(self, name: str, version: str) -> None:
        partial = self.root / f".{name}.part"
        try:
            with suppress(FileNotFoundError):
                partial.unlink()
            partial.symlink_to(Path("versions") / version)
            partial.replace(self.root / name)
            sync_folder(self.root)
        except OSError as error:
            raise AgentError(f"{self.root / name} cannot be changed: {error.strerror or error}.") from error
