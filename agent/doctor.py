"""`hive provider doctor`: is this machine ready to earn, and if not, what is to be done."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agent.attester import offer_tees
from agent.bootstrap import open_chain
from agent.inventory import read_cpu, read_memory_mb, read_tees, survey_gpus
from agent.runtimes import RUNTIMES
from agent.settings import ProviderSettings
from marketplace.adapters.chain import ChainReader
from marketplace.client import MarketClient
from marketplace.client.keystore import Keystore
from marketplace.errors import MarketError
from marketplace.protocol.units import BYTES_PER_MB, format_usdc

MAX_CLOCK_SKEW_SECONDS = 60
MIN_DISK_MB = 1_000


class Health(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was found, and what to do where it is not well."""

    name: str
    health: Health
    found: str
    remedy: str = ""


def examine(settings: ProviderSettings, options: str = "") -> list[Finding]:
    """Every check, in order. A check that cannot be made is a failed one; none stops the others.

    `options` are those of the command line (` --wallet mine`), to be repeated in commands that are advised.
    """
    findings = [_cpu(), _memory(), _disk(settings.data), _gpus(), *_tees(settings), *_runtimes()]
    findings.append(_guarded("market", lambda: _market(settings.url), "Check the address (--url, COMPUTEHIVE_URL)."))
    try:
        chain = open_chain(settings)
    except MarketError as error:
        return [*findings, Finding("chain", Health.FAIL, str(error), "Check the RPC address and the address book.")]
    findings.append(_guarded("clock", lambda: _clock(chain), "Check the RPC address."))
    findings.append(
        _guarded("stake", lambda: _stake(chain, settings.keystore, options), "Check the keystore and the chain.")
    )
    return findings


def _guarded(name: str, check: Callable[[], Finding], remedy: str) -> Finding:
    try:
        return check()
    except MarketError as error:
        return Finding(name, Health.FAIL, str(error), remedy)


def _cpu() -> Finding:
    cpu = read_cpu()
    wide = [name for name in ("avx2", "avx512f") if name in cpu.features]
    return Finding(
        "cpu", Health.OK, f"{cpu.model or cpu.architecture}, {cpu.cores} cores, {' '.join(wide) or 'no AVX2'}"
    )


def _memory() -> Finding:
    memory = read_memory_mb()
    health = Health.OK if memory >= 1_000 else Health.WARN
    return Finding("memory", health, f"{memory} MB", "" if health is Health.OK else "Most jobs ask for 512 MB.")


def _disk(folder: Path) -> Finding:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free // BYTES_PER_MB
    health = Health.OK if free >= MIN_DISK_MB else Health.FAIL
    return Finding("disk", health, f"{free} MB free", "" if health is Health.OK else f"Free {MIN_DISK_MB} MB.")


def _gpus() -> Finding:
    survey = survey_gpus()
    if survey.gpus:
        return Finding("gpu", Health.OK, ", ".join(f"{gpu.model} {gpu.memory_mb} MB" for gpu in survey.gpus))
    return Finding("gpu", Health.OK, f"none: {survey.note}")


def _tees(settings: ProviderSettings) -> list[Finding]:
    """What this machine's trusted execution environments are worth here; nothing is said where there are none."""
    found = []
    for tee in read_tees():
        if tee in offer_tees([tee], settings.tee_collateral):
            found.append(Finding(f"tee {tee}", Health.OK, "offered"))
        elif tee == "tdx":
            remedy = "Name its file in COMPUTEHIVE_AGENT_TEE_COLLATERAL."
            found.append(Finding(f"tee {tee}", Health.WARN, "not offered: attested jobs need collateral", remedy))
        else:
            found.append(Finding(f"tee {tee}", Health.OK, "not offered: the daemon has no way to its quotes"))
    return found


def _runtimes() -> list[Finding]:
    found = []
    for runtime in RUNTIMES.values():
        try:
            found.append(Finding(f"runtime {runtime.name}", Health.OK, f"{runtime.version}, {runtime.digest[:12]}…"))
        except MarketError as error:
            found.append(Finding(f"runtime {runtime.name}", Health.WARN, error.message, error.hint))
    return found


def _market(url: str) -> Finding:
    with MarketClient(url) as client:
        health = client.health()
    return Finding("market", Health.OK, f"{url}, chain {health['chainId']}")


def _clock(chain: ChainReader) -> Finding:
    skew = int(time.time()) - chain.head().timestamp
    if skew < -MAX_CLOCK_SKEW_SECONDS:
        return Finding("clock", Health.FAIL, f"{-skew} s behind the chain", "Set the clock (NTP).")
    return Finding("clock", Health.OK, f"last block {max(0, skew)} s ago")


def _stake(chain: ChainReader, keystore: Path, options: str) -> Finding:
    address = Keystore.load(keystore).address
    stake = chain.stake(address)
    found = f"{format_usdc(stake.available)} USDC free to cover leases, of {format_usdc(stake.active)} USDC staked"
    if stake.available == 0:
        return Finding("stake", Health.FAIL, found, f"Stake first: `hive provider stake 50{options}`.")
    return Finding("stake", Health.OK, found)
