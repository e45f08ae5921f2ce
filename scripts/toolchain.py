"""Where the tools are and in which environment they run: solc behind Brownie, Brownie in a home of its own, ganache.

Standard library only: set-up runs it before anything is installed.
"""

import os
import socket
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
VENV = ROOT / ".venv"
BROWNIE_VENV = ROOT / ".venv-brownie"
BROWNIE_HOME = BUILD / "brownie-home"
BYTECODE = BUILD / "bytecode"
"""Where Python keeps what it compiled, as the Makefile says as well."""
SOLC_FOLDER = BUILD / "solc"
SOLC_NAME = "solc-v0.8.30"
GANACHE = ROOT / "node_modules" / ".bin" / "ganache"
MNEMONIC = "brownie"
CHAIN_ID = 1337

_LIVE = """\
live:
  - name: ComputeHive
    networks:
      - name: The network that is deployed on
        id: hive-live
        host: {rpc_url}
        chainid: {chain_id}
"""
_NETWORKS = """\
{live}
development:
  - name: The local chain that HIVE_RPC_URL names
    id: hive
    cmd: {ganache}
    host: {host}
    timeout: 60
    cmd_settings:
      port: {port}
"""


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def install_solc() -> Path:
    """Put the solc-js wrapper where py-solc-x looks for a native compiler, and return it."""
    SOLC_FOLDER.mkdir(parents=True, exist_ok=True)
    target = SOLC_FOLDER / SOLC_NAME
    target.write_text(f'#!/bin/sh\nexec node "{ROOT / "scripts" / "solc.js"}" "$@"\n')
    target.chmod(0o755)
    return target


def brownie_environment(
    rpc_url: str = "http://127.0.0.1:8545", home: Path = BROWNIE_HOME, *, live_chain_id: int | None = None
) -> dict[str, str]:
    """The environment for a Brownie process; its network `hive` is the local chain at `rpc_url`.

    With `live_chain_id` the network `hive-live` is the real chain there: Brownie waits for its blocks.

    Brownie keeps networks, compilers and accounts under its home: this one is inside the build folder, so that the
    user's own is never touched.
    """
    settings = home / ".brownie"
    settings.mkdir(parents=True, exist_ok=True)
    live = "live: []"
    if live_chain_id is not None:
        live, rpc_url = _LIVE.format(rpc_url=rpc_url, chain_id=live_chain_id), "http://127.0.0.1:8545"
    host, _, port = rpc_url.rpartition(":")
    (settings / "network-config.yaml").write_text(_NETWORKS.format(live=live, ganache=GANACHE, host=host, port=port))
    return {
        **os.environ,
        "HOME": str(home),
        "SOLCX_BINARY_PATH": str(SOLC_FOLDER),
        "HIVE_RPC_URL": rpc_url,
        "PYTHONPATH": str(ROOT),
        # Half of what a start of Brownie costs is compiling its libraries: once, even where the machine forbids it.
        "PYTHONPYCACHEPREFIX": str(BYTECODE),
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONWARNINGS": "ignore",
        "COLUMNS": "120",
    }


def chain_for_tests_command(port: int, lines_port: int, accounts: int = 20) -> list[str]:
    """The same chain as `ganache_command`, quicker for many small calls and for those that revert (testchain.js)."""
    program = ROOT / "scripts" / "testchain.js"
    return ["node", *map(str, (program, port, lines_port, CHAIN_ID, MNEMONIC, accounts))]


def ganache_command(port: int, accounts: int = 20) -> list[str]:
    """A local chain on loopback: shanghai, chain id 1337, deterministic accounts, blocks on demand."""
    return [
        str(GANACHE),
        "--server.host", "127.0.0.1",
        "--server.port", str(port),
        "--chain.hardfork", "shanghai",
        "--chain.chainId", str(CHAIN_ID),
        "--wallet.mnemonic", MNEMONIC,
        "--wallet.totalAccounts", str(accounts),
        "--logging.quiet",
    ]  # fmt: skip
