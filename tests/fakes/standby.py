"""A real streaming replica of the tests' PostgreSQL server: a base backup that follows it. It ends with its owner."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from marketplace.devnet import ManagedProcess
from tests.fakes.postgres import MAX_CONNECTIONS, address, as_account, programs_in, run_sql, socket_folder


class Standby:
    """One replica in a folder of its own."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="hive-standby-"))
        self._programs = programs_in(socket_folder())
        if os.geteuid() == 0:
            shutil.chown(self._folder, "nobody")
        copy = [self._programs / "pg_basebackup", "-h", socket_folder(), "-U", "postgres", "-D", self._folder / "data"]
        self._call([*copy, "-R", "--checkpoint=fast", "--no-sync"])
        self._server: ManagedProcess | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def address(self, database_address: str) -> str:
        """The URL at which the replica has a database of the primary's."""
        return database_address.partition("?")[0] + f"?host={self._folder}"

    def start(self) -> Self:
        """Have it follow, from where it was."""
        settings = [f"max_connections={MAX_CONNECTIONS}", "listen_addresses=", "fsync=off", "hot_standby_feedback=on"]
        options = [word for one in settings for word in ("-c", one)]
        command = as_account([self._programs / "postgres", "-D", self._folder / "data", "-k", self._folder, *options])
        self._server = ManagedProcess("standby", command, self._folder / "log", cwd=self._folder).start()
        ready = [self._programs / "pg_isready", "-h", self._folder]
        self._server.wait_ready(lambda: subprocess.run(ready, capture_output=True, timeout=10).returncode == 0)
        return self

    def stop(self) -> None:
        """In order."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def kill(self) -> None:
        """All its processes at once, as where its machine is gone."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        for pid in (self.pid, *map(int, children)):
            os.kill(pid, signal.SIGKILL)
        self.stop()

    def pause(self) -> None:
        """Replay nothing more; what is asked is answered."""
        self.run("SELECT pg_wal_replay_pause()")

    def go_on(self) -> None:
        """Replay again."""
        self.run("SELECT pg_wal_replay_resume()")

    def catch_up(self) -> None:
        """Returns once it has replayed all that the primary has now."""
        (here,) = run_sql("SELECT pg_current_wal_insert_lsn()")
        reached = f"SELECT pg_last_wal_replay_lsn() >= '{here[0]}'"
        self._server.wait_ready(lambda: self.run(reached) == [(True,)])

    def run(self, statement: str, database: str = "postgres") -> list[tuple]:
        """Rows of a statement at the replica."""
        import psycopg

        with psycopg.connect(self.address(address(database)), autocommit=True) as connection:
            return connection.execute(statement).fetchall()

    @property
    def pid(self) -> int:
        """The process whose children serve the connections."""
        return int((self._folder / "data" / "postmaster.pid").read_text().split()[0])

    def _call(self, command: list) -> None:
        subprocess.run(as_account(command), cwd=self._folder, capture_output=True, timeout=60, check=True)
