"""`dev.json`: how a running `hive dev` tells other terminals where its market and its wallets are."""

import json
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from marketplace.errors import SettingsError

FILE_NAME = "dev.json"


@dataclass(frozen=True, slots=True)
class DevContext:
    """A running local market."""

    url: str
    rpc_url: str
    chain_id: int
    address_book: Path
    wallets: Path
    """Folder of its keystores."""
    wallet: str
    """Name of the renter's keystore."""
    password: str
    """Public: of a chain that ends with the process."""
    logs: Path
    pid: int

    def to_json(self) -> dict[str, Any]:
        """The file's content; names as in the market's own documents."""
        return {
            _json_name(each.name): value if isinstance(value := getattr(self, each.name), int) else str(value)
            for each in fields(self)
        }

    @classmethod
    def parse(cls, document: dict[str, Any]) -> Self:
        """Raises KeyError for a field that is missing."""
        found = {each.name: document[_json_name(each.name)] for each in fields(cls)}
        return cls(**found | {name: Path(found[name]) for name in ("address_book", "wallets", "logs")})

    @property
    def wallet_path(self) -> Path:
        """The renter's keystore."""
        return self.wallets / f"{self.wallet}.json"

    @property
    def is_alive(self) -> bool:
        """Whether the process that wrote it still runs."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def write_dev_context(home: Path, context: DevContext) -> Path:
    """Publish `context`, whole or not at all."""
    path = home / FILE_NAME
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_suffix(f".{os.getpid()}.part")
    partial.write_text(json.dumps(context.to_json(), indent=2))
    partial.replace(path)
    return path


def load_dev_context(home: Path) -> DevContext | None:
    """The running local market, or None. A file left by a killed one does not count."""
    path = home / FILE_NAME
    try:
        context = DevContext.parse(json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{path} cannot be read: {error!r}.", hint="Delete it.", path=str(path)) from error
    return context if context.is_alive else None


def remove_dev_context(home: Path, pid: int) -> None:
    """Take the file away again, if it is still this process's own."""
    context = load_dev_context(home)
    if context is not None and context.pid == pid:
        (home / FILE_NAME).unlink(missing_ok=True)


def _json_name(name: str) -> str:
    """`rpc_url` as `rpcUrl`; without pydantic, which would cost every command its time to load."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
