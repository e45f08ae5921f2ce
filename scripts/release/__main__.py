"""Makes and signs releases: keys, roots, releases and what must be renewed every week.

python -m scripts.release key|root|lock|add|sign|publish --help        docs/how-to/release.md
"""

import argparse
import getpass
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from marketplace.errors import InputError, MarketError
from scripts.release.keys import load_public, load_signer, make_key
from scripts.release.lock import write_lock
from scripts.release.repository import ONLINE_DAYS, ROOT_DAYS, STAGED_ROLES, TARGETS_DAYS, Holders, Repository

SOON_DAYS = 21
"""Who publishes is told where signatures of people hold no longer than that: it takes time to get them together."""
_REMEDY = {
    "root": "stage it anew, and have its holders sign.",
    "targets": "make a release, and have its holders sign.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, else that of the error."""
    given = _parser().parse_args(arguments)
    try:
        print(given.run(given))
    except MarketError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _key(given: argparse.Namespace) -> str:
    return f"{given.key} is yours alone; give {make_key(given.key, _password(given, is_new=True))} to who makes roots."


def _root(given: argparse.Namespace) -> str:
    online = Holders([load_public(given.online)], 1)
    holders = {
        "root": Holders([load_public(path) for path in given.root], given.root_threshold),
        "targets": Holders([load_public(path) for path in given.targets], given.targets_threshold),
        "snapshot": online,
        "timestamp": online,
    }
    Repository(given.folder).stage_root(holders, time.time(), given.days)
    return "A root is staged. Its holders sign it: sign FOLDER root --key …"


def _lock(given: argparse.Namespace) -> str:
    write_lock(given.output)
    return f"{given.output}"


def _add(given: argparse.Namespace) -> str:
    release = Repository(given.folder).stage_release(given.wheel, given.lock, time.time(), given.days)
    return f"Version {release.version} is staged. Its holders sign it: sign FOLDER targets --key …"


def _sign(given: argparse.Namespace) -> str:
    missing = Repository(given.folder).sign(given.role, load_signer(given.key, _password(given)))
    return f"Signed. {missing} more needed." if missing else "Signed by enough. It may be published."


def _publish(given: argparse.Namespace) -> str:
    repository = Repository(given.folder)
    left = repository.publish(load_signer(given.key, _password(given)), time.time(), given.days)
    soon = [f"\n{role}: signed for {days} more days: {_REMEDY[role]}"
            for role, days in left.items() if days < SOON_DAYS]  # fmt: skip
    told = f"Serve {repository.public} as it is. Publish again within {given.days} days, with news or without."
    return "".join([told, *soon])


def _password(given: argparse.Namespace, *, is_new: bool = False) -> str:
    if given.password_file is not None:
        try:
            return given.password_file.read_text().rstrip("\r\n")
        except OSError as error:
            raise InputError(f"{given.password_file} cannot be read: {error.strerror or error}.") from error
    password = getpass.getpass(f"Password of {given.key}: ")
    if is_new and getpass.getpass("Once more: ") != password:
        raise InputError("These were two passwords.", hint="Say the same one twice.")
    return password


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.release", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)

    key = commands.add_parser("key", help="a new key, encrypted with a password")
    key.add_argument("key", type=Path, help="its file, such as ann.key; ann.pub is written beside it")
    root = commands.add_parser("root", help="who may sign what, and how many of them: the first time, or anew")
    root.add_argument("folder", type=Path)
    for role in STAGED_ROLES:
        root.add_argument(f"--{role}", type=Path, nargs="+", required=True, metavar="PUB")
        root.add_argument(f"--{role}-threshold", type=int, required=True)
    root.add_argument("--online", type=Path, required=True, metavar="PUB", help="the key of snapshot and timestamp")
    root.add_argument("--days", type=int, default=ROOT_DAYS)
    lock = commands.add_parser("lock", help="the lock of a release, from pyproject.toml and what the tests ran with")
    lock.add_argument("output", type=Path)
    add = commands.add_parser("add", help="stage a release")
    add.add_argument("folder", type=Path)
    add.add_argument("--wheel", type=Path, required=True)
    add.add_argument("--lock", type=Path, required=True)
    add.add_argument("--days", type=int, default=TARGETS_DAYS)
    sign = commands.add_parser("sign", help="add one holder's signature to what is staged")
    sign.add_argument("folder", type=Path)
    sign.add_argument("role", choices=STAGED_ROLES)
    publish = commands.add_parser("publish", help="what is signed, with a new snapshot and timestamp")
    publish.add_argument("folder", type=Path)
    publish.add_argument("--days", type=int, default=ONLINE_DAYS)
    for each in (sign, publish):
        each.add_argument("--key", type=Path, required=True)
    for each in (key, sign, publish):
        each.add_argument("--password-file", type=Path, help="instead of being asked for it")
    handlers = {key: _key, root: _root, lock: _lock, add: _add, sign: _sign, publish: _publish}
    for each, run in handlers.items():
        each.set_defaults(run=run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
