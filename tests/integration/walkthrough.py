"""Somebody with a terminal who follows a page of the documentation: its shell blocks are run as they stand there."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from eth_account import Account

from marketplace.adapters.chain import AddressBook
from scripts.toolchain import ROOT

BLOCK_SECONDS = 60
_FORM = re.compile(r"^(export )?(\w+)=…( *#.*)?$")
_SHELL = "set -euo pipefail; touch state; . ./state; set -a\n{block}\nset +a; export -p > state"


@dataclass
class Page:
    """The shell blocks of a page by the anchor of their heading, and which of them were run."""

    path: Path
    blocks: dict[str, list[str]] = field(default_factory=dict)
    run: set[tuple[str, int]] = field(default_factory=set)

    @classmethod
    def load(cls, path: Path) -> "Page":
        """Blocks fenced as `sh`, under headings of the second level."""
        page = cls(path)
        for section in path.read_text().split("\n## ")[1:]:
            heading, _, text = section.partition("\n")
            anchor = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
            page.blocks[anchor] = re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        return page

    def not_run(self) -> list[tuple[str, int]]:
        """Blocks that nobody followed."""
        every = {(anchor, at) for anchor, blocks in self.blocks.items() for at in range(len(blocks))}
        return sorted(every - self.run)


class Refused(Exception):
    """A block of the page failed; the message is what it printed."""


@dataclass
class Reader:
    """One person at a shell in a folder. What a block sets is there in the next; nothing of ours is on its PATH."""

    page: Page
    folder: Path
    environment: dict[str, str]

    def follow(self, anchor: str, at: int = 0, **values: object) -> str:
        """Run a block with its `NAME=…` lines filled in from `values`, all of them; what it printed.

        Raises Refused where a command of it failed, ValueError where a line has no value or a value no line.
        """
        block = "\n".join(self._fill(self.page.blocks[anchor][at].splitlines(), values))
        if values:
            raise ValueError(f"{anchor}: nothing asks for {', '.join(values)}")
        self.page.run.add((anchor, at))
        ran = subprocess.run(
            ["bash", "-c", _SHELL.format(block=block)], cwd=self.folder, env=self.environment, capture_output=True,
            text=True, timeout=BLOCK_SECONDS, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        if ran.returncode != 0:
            raise Refused(f"{anchor} {at}: {ran.stdout}{ran.stderr}")
        return ran.stdout

    def _fill(self, lines: list[str], values: dict[str, object]) -> Iterator[str]:
        for line in lines:
            form = _FORM.match(line)
            if form and form[2] not in values:
                raise ValueError(f"no value for {form[2]}")
            yield f"{form[1] or ''}{form[2]}={values.pop(form[2])}" if form else line


def choose_lease(reader: Reader, place: int) -> dict[str, str]:
    """Find the newest group and choose a lease of it, reading off the terminal what the page says to read off."""
    *_, log = reader.follow("find-a-lease", 0).split("data: ")[1:]
    opened, topics = log.split()[0], re.findall(r"^\s+(0x[0-9a-f]{64})$", log, re.MULTILINE)
    reader.follow("find-a-lease", 1, OPENED=opened, MARKET="0x" + topics[1][-40:], GROUP=topics[2])
    leases = re.findall(r"\(([^()]+)\)", reader.follow("find-a-lease", 2))
    named = ("place", "lease", "open", "renter", "provider", "price", "fee", "deadline", "salt", "bid")
    told = dict(zip(named, (value.split(" ")[0] for value in leases[place].split(", ")), strict=True))
    reader.follow("find-a-lease", 3, PLACE=told["place"], LEASE=told["lease"], PRICE=told["price"])
    return told


def numbers(text: str) -> list[int]:
    """The numbers that `cast` printed, without its notes in brackets."""
    return [int(value.split(" ")[0]) for value in text.strip("() \n").split(", ") if not value.startswith("0x")]


def read_terms(reader: Reader) -> list[str]:
    """The terms of the newest channel, read off the terminal."""
    *_, log = reader.follow("payment-channels", 0).split("data: ")[1:]
    return reader.follow("payment-channels", 1, OPENED=log.split()[0]).strip("()\n").split(", ")


def sit_down_at(page: Page, folder: Path, key: bytes, rpc_url: str, book: AddressBook) -> Reader:
    """Somebody with a key file, a password file and the address book, who did the first block of the page's set-up."""
    folder.mkdir()
    (folder / "key.json").write_text(json.dumps(Account.encrypt(key, "secret", iterations=2)))
    (folder / "password").write_text("secret\n")
    reader = Reader(page, folder, shell_environment(folder, find_cast()))
    names = {"ESCROW": "Escrow", "MESSAGES": "Messages", "STAKE": "ProviderStake", "COMMITTEE": "OracleCommittee",
             "CHANNELS": "PaymentChannels"}  # fmt: skip
    reader.follow(
        "set-up", 0, ETH_RPC_URL=rpc_url, ETH_KEYSTORE=folder / "key.json", ETH_PASSWORD=folder / "password",
        FIRST_BLOCK=book.deployed_at_block, **{short: book.contracts[long] for short, long in names.items()},
    )  # fmt: skip
    return reader


def find_cast() -> Path:
    """The folder of `cast`: the package in the lock, or the system's own where the lock has none for this system."""
    ours = ROOT / "node_modules" / ".bin" / "cast"
    found = ours if ours.exists() else shutil.which("cast")
    assert found, "`cast` is missing: run `make setup`, or where no package fits this system install Foundry."
    return Path(found).parent


def shell_environment(folder: Path, *tools: Path) -> dict[str, str]:
    """An environment with these tools and the system's, with a home of its own, and without our settings."""
    path = ":".join([*map(str, tools), "/usr/local/bin", "/usr/bin", "/bin"])
    return {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8"}
