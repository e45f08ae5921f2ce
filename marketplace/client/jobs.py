"""From a program and its files to a signed bid: what a renter does before the market knows of it.

`prepare_job` reads and hashes, `upload_job` sends the bytes, `build_bid` says what the renter will pay at most. Nothing
here signs before the caller has seen the price.
"""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from marketplace.client.http import Document, MarketClient
from marketplace.errors import InputError
from marketplace.protocol.audits import Audit
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.checkpointing import Checkpointing
from marketplace.protocol.enums import CancelKind, Settlement, Verification
from marketplace.protocol.images import REFERENCE_FORM, ImageProgram, is_reference, parse_image
from marketplace.protocol.jobspec import (
    ContainerProgram,
    Determinism,
    InputFile,
    JobSpec,
    ModuleProgram,
    Requirements,
    RuntimeProgram,
    Schedule,
)
from marketplace.protocol.messages import Bid, Cancel
from marketplace.protocol.metering import Resources
from marketplace.protocol.network import Network
from marketplace.protocol.preferences import Preferences
from marketplace.protocol.tee import TeeTrust

RUNTIME_OF_SUFFIX = {".py": "python", ".js": "javascript", ".mjs": "javascript"}
MODULE_SUFFIX = ".wasm"
IMAGE_SUFFIX = ".tar"
WASM_MAGIC = b"\0asm"
DEFAULT_RESOURCES = Resources(gpus=0, vcpus=1, memory_mb=512, seconds=300, fuel=50_000_000_000, egress_mb=10)
"""Room for a script that thinks for some seconds; unused fuel, time and egress are not paid for."""
BID_VALID_SECONDS = 600
"""How long a bid waits for a match before it lapses by itself."""
DEADLINE_SLACK_SECONDS = 900
"""Time beyond waiting and running for verification and settlement; afterwards anyone may refund."""


@dataclass(frozen=True, slots=True)
class PreparedJob:
    """A job specification and the bytes it names."""

    spec: JobSpec
    blobs: Mapping[str, bytes] = field(repr=False)

    @property
    def upload_bytes(self) -> int:
        """Size of everything that the market must hold."""
        return sum(map(len, self.blobs.values()))


def runtime_name(program: Path) -> str | None:
    """Which ready-made runtime runs a file, by its suffix; None for a wasm module or a container image.

    Raises InputError for others.
    """
    suffix = program.suffix.lower()
    if suffix in (MODULE_SUFFIX, IMAGE_SUFFIX):
        return None
    if suffix not in RUNTIME_OF_SUFFIX:
        known = ", ".join([*RUNTIME_OF_SUFFIX, MODULE_SUFFIX, IMAGE_SUFFIX])
        image = "" if program.exists() else f", or an image in a registry: {REFERENCE_FORM}"
        raise InputError(
            f"{program.name} is not a program that ComputeHive runs.", hint=f"Expected one of {known}{image}."
        )
    return RUNTIME_OF_SUFFIX[suffix]


def prepare_job(
    program: Path,
    inputs: Iterable[Path] = (),
    *,
    runtimes: Mapping[str, str],
    args: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    name: str = "",
    requirements: Requirements | None = None,
    preferences: Preferences | None = None,
    schedule: Schedule | None = None,
    tee: TeeTrust | None = None,
    checkpoint: Checkpointing | None = None,
    determinism: Determinism | None = None,
    audit: Audit | None = None,
    network: Network | None = None,
) -> PreparedJob:
    """Read `program` and `inputs` (files, or folders taken whole under their own name) into a job.

    A `program` may also be an image in a registry, `HOST[:PORT]/NAME@sha256:DIGEST`, which only the nodes fetch.
    `runtimes` maps a runtime's name to its digest, as the market publishes them; `tee` makes it a job for the policy
    `attested`, on nodes of the technologies that it trusts; `audit` lets oracles leave some such jobs unrun; `network`
    is for containers. Raises InputError for a file that is not there, is of no known kind or shares its name with
    another; InvalidJobSpec for what the protocol refuses.
    """
    chosen, files, blobs = _take(program, [each for given in inputs for each in _walk(given)], runtimes)
    spec = JobSpec.parse(
        {
            "name": (name or program.name)[:120],
            "sandbox": "docker" if isinstance(chosen, ContainerProgram | ImageProgram) else "wasm",
            "program": chosen.model_dump(mode="json", by_alias=True),
            "args": list(args),
            "env": dict(env or {}),
            "inputs": [entry.model_dump(mode="json", by_alias=True) for entry in files],
            "requirements": _require_tees(requirements or Requirements(), tee).model_dump(mode="json", by_alias=True),
            "preferences": (preferences or Preferences()).model_dump(mode="json", by_alias=True),
            "determinism": (determinism or Determinism()).model_dump(mode="json", by_alias=True),
            "schedule": (schedule or Schedule()).model_dump(mode="json", by_alias=True),
            "checkpoint": checkpoint.model_dump(mode="json", by_alias=True) if checkpoint else None,
            "tee": tee.model_dump(mode="json", by_alias=True) if tee else None,
            "audit": audit.model_dump(mode="json", by_alias=True) if audit else None,
            "network": network.model_dump(mode="json", by_alias=True) if network else None,
        }
    )
    return PreparedJob(spec=spec, blobs=blobs)


def read_inputs(inputs: Iterable[Path]) -> tuple[list[InputFile], dict[str, bytes]]:
    """Files, and folders taken whole under their own name, as a job names them; and their bytes by digest.

    Raises InputError for one that cannot be read or shares its name with another.
    """
    return _collect(found for given in inputs for found in _walk(given))


def _require_tees(requirements: Requirements, tee: TeeTrust | None) -> Requirements:
    """Only nodes whose evidence would be taken; what the renter itself required stays."""
    if tee is None or requirements.tees:
        return requirements
    return requirements.model_copy(update={"tees": tuple(sorted(tee.technologies))})


def upload_job(client: MarketClient, job: PreparedJob) -> int:
    """Send what the market does not hold yet; the number of bytes sent."""
    sent = 0
    for digest, data in job.blobs.items():
        if not client.has_blob(digest):
            client.put_blob(data, digest)
            sent += len(data)
    return sent


def build_bid(
    job: PreparedJob,
    *,
    renter: str,
    market: str,
    resources: Resources,
    max_price: int,
    salt: int,
    replicas: int = 1,
    verification: Verification | None = None,
    now: int | None = None,
    valid_seconds: int = BID_VALID_SECONDS,
    deadline: int | None = None,
) -> Bid:
    """The bid for `job`: at most `max_price` micro-USDC for each of `replicas`; `salt` as `salts.Salts` counts it.

    Waiting and deadline count from the job's start, where it lies ahead. `verification` is by default what
    `default_verification` says; fuel is only reserved where the job's sandbox counts it.
    """
    now = int(time.time()) if now is None else now
    start = max(now, job.spec.schedule.not_before)
    return Bid(
        renter=renter,
        market=market,
        job_digest=job.spec.digest(),
        gpus=resources.gpus,
        vcpus=resources.vcpus,
        memory_mb=resources.memory_mb,
        duration_seconds=resources.seconds,
        fuel=metered(job.spec, resources).fuel,
        egress_mb=resources.egress_mb,
        max_price=max_price,
        replicas=replicas,
        verification=int(default_verification(job.spec, replicas) if verification is None else verification),
        settlement=int(Settlement.ESCROWED),
        deadline=deadline or start + valid_seconds + resources.seconds + DEADLINE_SLACK_SECONDS,
        valid_until=start + valid_seconds,
        salt=salt,
    )


def build_cancel(bid: Bid) -> Cancel:
    """Withdraws exactly this bid."""
    return Cancel(signer=bid.renter, kind=CancelKind.BID, salt=bid.salt)


def runtimes_of(config: Document) -> dict[str, str]:
    """Name and digest of each ready-made runtime, from the market's configuration."""
    found = config.get("runtimes", {})
    if isinstance(found, dict):
        return {name: entry["digest"] if isinstance(entry, dict) else entry for name, entry in found.items()}
    return {entry["name"]: entry["digest"] for entry in found}


def metered(spec: JobSpec, resources: Resources) -> Resources:
    """What a bid for this job reserves: no fuel where nobody counts it."""
    return resources if spec.is_metered else replace(resources, fuel=0)


def default_verification(spec: JobSpec, replicas: int) -> Verification:
    """Evidence where the job asks for it. Else what is deterministic is run again; of the rest replicas vote, and the
    only one is accepted by its renter, as is one with network, which no two machines need find alike.
    """
    if spec.tee is not None:
        return Verification.ATTESTED
    if spec.is_metered:
        return Verification.REEXECUTE
    return Verification.REPLICATE if replicas > 1 and spec.network is None else Verification.ACCEPT


def _take(
    program: Path, found: list[tuple[str, bytes]], runtimes: Mapping[str, str]
) -> tuple[RuntimeProgram | ModuleProgram | ContainerProgram | ImageProgram, list[InputFile], dict[str, bytes]]:
    """The program as the job names it, with all its files and their bytes by digest."""
    if is_reference(str(program)):
        return parse_image(str(program)), *_collect(found)
    runtime, code = runtime_name(program), _read(program)
    if runtime is None:
        chosen = _own_program(program, code)
        files, blobs = _collect(found)
        return chosen, files, blobs | {chosen.digest: code}
    if runtime not in runtimes:
        raise InputError(
            f"No provider of this market carries the {runtime} runtime.",
            hint=f"It has: {', '.join(sorted(runtimes)) or 'none'}.",
        )
    files, blobs = _collect([(program.name, code), *found])
    return RuntimeProgram(name=runtime, digest=runtimes[runtime], script=program.name), files, blobs


def _own_program(program: Path, code: bytes) -> ModuleProgram | ContainerProgram:
    if program.suffix.lower() == IMAGE_SUFFIX:
        return ContainerProgram(digest=sha256_digest(code), size=len(code))
    if not code.startswith(WASM_MAGIC):
        raise InputError(
            f"{program.name} is not a WebAssembly module: it does not begin with \\0asm.",
            hint="Compile it for wasm32-wasi.",
        )
    return ModuleProgram(digest=sha256_digest(code), size=len(code))


def _collect(found: Iterable[tuple[str, bytes]]) -> tuple[list[InputFile], dict[str, bytes]]:
    files: dict[str, InputFile] = {}
    blobs: dict[str, bytes] = {}
    for path, data in found:
        if path in files:
            raise InputError(f"Two inputs are called {path!r}.", hint="Rename one, or put them into one folder.")
        files[path] = InputFile(path=path, digest=sha256_digest(data), size=len(data))
        blobs[files[path].digest] = data
    return list(files.values()), blobs


def _walk(given: Path) -> list[tuple[str, bytes]]:
    if not given.is_dir():
        return [(given.name, _read(given))]
    root = given.resolve()
    found: list[tuple[str, bytes]] = []
    for folder, subfolders, names in os.walk(root):
        subfolders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            found.append((f"{root.name}/{path.relative_to(root).as_posix()}", _read(path)))
    if not found:
        raise InputError(f"The input folder {given} has no files.")
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}).", hint="Check the path.", path=str(path)
        ) from error
