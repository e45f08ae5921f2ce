"""Makes what the compose file's profile `dev` needs: keys, contracts on its chain, and play money.

    docker compose -f scripts/operations/compose/compose.yaml --profile dev up -d chain
    python -m scripts.operations.play                     # into build/compose; --rpc-url, --folder

Each secret becomes a file of that name, readable by the containers' users and, through its folder, by nobody else of
this machine. A chain that was started anew is an empty one: the old keys are kept, contracts and money made again.
"""

import argparse
import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path

from marketplace.adapters.chain import AddressBook, ChainAccount, Contracts
from marketplace.client.keystore import LIGHT_SCRYPT_N, KeystoreFolder
from marketplace.devnet import Deployment, Devnet
from marketplace.devnet.process import ProcessFailed
from marketplace.errors import MarketError
from scripts.toolchain import BUILD

FOLDER = BUILD / "compose"
RPC_URL = "http://127.0.0.1:8545"
USDC = 1_000_000
STAKE, DEPOSIT = 50 * USDC, 100 * USDC
SERVICES = ("operator", "provider", "oracle")
RENTER = "default"
"""Name of the wallet that `hive` takes where none is named."""


@dataclass(frozen=True, slots=True)
class Player:
    """Somebody's account on the play chain."""

    address: str
    key: bytes = field(repr=False)


def make_secrets(folder: Path) -> dict[str, Player]:
    """A keystore and a password for each service, the database's, and a renter's wallet; what is there is kept."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    database = _secret(folder, "database-password")
    _write(folder / "database-url", f"postgresql+psycopg://market:{database}@database/market\n")
    players = {}
    for name in SERVICES:
        players[name] = _account(folder / "wallets", name, _secret(folder, f"{name}-password"))
        _write(folder / f"{name}-keystore", KeystoreFolder(folder / "wallets").get(name).path.read_text())
    players[RENTER] = _account(folder / "home" / "keystores", RENTER, _secret(folder, "renter-password"))
    return players


def _secret(folder: Path, name: str) -> str:
    path = folder / name
    if not path.exists():
        _write(path, secrets.token_hex(24) + "\n")
    return path.read_text().strip()


def _account(folder: Path, name: str, password: str) -> Player:
    wallets = KeystoreFolder(folder)
    exists = name in {each.name for each in wallets.list()}
    wallet = wallets.get(name) if exists else wallets.create(name, password, scrypt_n=LIGHT_SCRYPT_N)
    return Player(wallet.address, bytes(wallet.unlock(password).key))


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o644)


def deploy(folder: Path, rpc_url: str, players: dict[str, Player]) -> AddressBook:
    """Contracts, gas, stake and deposit on the chain at `rpc_url`; the address book beside the secrets.

    Raises ProcessFailed, SettingsError, ChainError.
    """
    devnet = Devnet(folder / "chain")
    devnet.rpc_url = rpc_url  # one that runs already: it is neither started nor ended here
    oracle, provider, renter = players["oracle"], players["provider"], players[RENTER]
    book = devnet.deploy(
        Deployment(
            oracles=[oracle.address],
            threshold=1,
            treasury=players["operator"].address,
            governor=players["operator"].address,
            mint={provider.address: STAKE, renter.address: 2 * DEPOSIT},
        )
    )
    for player in players.values():
        devnet.fund_gas(player.address)
    contracts = Contracts(rpc_url, book)
    ChainAccount(contracts, provider.key).stake(STAKE)
    ChainAccount(contracts, renter.key).deposit(DEPOSIT)
    _write(folder / "address-book", devnet.address_book.read_text())
    return book


def main(arguments: list[str]) -> int:
    """Make all of it, and say how it is used. Exit status: that of the error, else 0."""
    parser = argparse.ArgumentParser(prog="python -m scripts.operations.play")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the secrets go")
    parser.add_argument("--rpc-url", default=RPC_URL, help="the chain, as this machine reaches it")
    given = parser.parse_args(arguments)
    folder = given.folder.resolve()
    try:
        book = deploy(folder, given.rpc_url, make_secrets(folder))
    except (MarketError, ProcessFailed) as error:
        print(f"play: {error}", file=sys.stderr)
        return getattr(error, "exit_code", 1)
    print(f"Contracts on chain {book.chain_id}, keys and passwords in {folder}. To run a job as the renter there:")
    print(f"  export COMPUTEHIVE_HOME={folder}/home COMPUTEHIVE_PASSWORD_FILE={folder}/renter-password")
    print("  hive run SCRIPT --url http://127.0.0.1:8080")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
