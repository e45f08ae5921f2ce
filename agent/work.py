"""From a lease to a result: check the terms against the chain, fetch and verify the bytes, run, build the manifest.

Provider and oracle use the same code, so that they can only disagree about what the job did.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Event
from typing import Protocol

from agent.adapters import Adapter, Job, descriptor_digest
from agent.chain import Signers
from agent.private import KeySource, hide
from agent.sandbox import Limits, RunResult
from agent.sandbox.printed import Printed
from agent.sandbox.snapshots import Snapshots
from agent.sandbox.types import NOT_MEASURED, Usage
from agent.upstream import refuse_unresolved
from marketplace.client.private import JobKey
from marketplace.client.terms import LeaseTerms
from marketplace.domain.chain import LeaseOpened
from marketplace.domain.signatures import require_ask_signature
from marketplace.errors import AgentError, DigestMismatch, MalformedMessage, NotFound, TooLarge
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import ExitKind, Verification
from marketplace.protocol.evidence import compute_output_bytes
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.manifest import OUTPUT_PREFIX, STDERR_PATH, STDOUT_PATH, Manifest, ManifestEntry
from marketplace.protocol.messages import Bid
from marketplace.protocol.metering import compute_quote
from marketplace.protocol.profile import NodeProfile
from marketplace.protocol.units import BYTES_PER_MB

MAX_INPUT_TOTAL_BYTES = 1_000_000_000
"""Of all inputs of a job together: they are held in the host's memory."""

NO_DIGEST = "0x" + "00" * 32

FetchBlob = Callable[[str], bytes]
"""Bytes by content digest. Raises NotFound, DigestMismatch, ServiceUnavailable."""

Resolve = Callable[[LeaseTerms], LeaseTerms]
"""As `Upstream.resolve`: others' results become inputs. Raises NotFound, AgentError, ServiceUnavailable."""

Cache = Callable[[str, FetchBlob], bytes]
"""Bytes by content digest, by that fetch only where they are not at hand."""


@dataclass(frozen=True, slots=True)
class Execution:
    """A finished run: how it ended, its manifest, and the bytes that the manifest names, by digest."""

    exit_kind: ExitKind
    exit_code: int
    fuel_used: int
    wall_seconds: float
    manifest: Manifest
    blobs: Mapping[str, bytes]
    detail: str = ""
    sandbox_digest: str = NO_DIGEST
    """Of the sandbox that ran it; zero where this machine has none of that name."""
    usage: Usage = NOT_MEASURED
    sealed: Manifest | None = None
    """Of a private job: the ciphertexts that `blobs` then are, by path."""

    @property
    def charged_seconds(self) -> int:
        """`Attestation.wallSeconds`."""
        return math.ceil(self.wall_seconds)

    @property
    def egress_bytes(self) -> int:
        """`Attestation.egressBytes`: outputs and logs, and what the job sent over the network that it bought."""
        return self.manifest.egress_bytes + (self.usage.sent_bytes or 0)

    @property
    def result_digest(self) -> str:
        """What the attestation names the result by."""
        return self.manifest.root()


@dataclass(frozen=True, slots=True)
class Hooks:
    """How a run is stopped from outside, and who looks at it meanwhile. None of it changes what the job leaves."""

    stop: Event | None = None
    """Once set, the run ends as evicted."""
    snapshots: Snapshots | None = None
    """What is shown the program's files while it runs."""
    printed: Printed | None = None
    """What is shown its standard output and error while it runs."""

    @property
    def is_stopped(self) -> bool:
        """Whether it is to end."""
        return self.stop is not None and self.stop.is_set()


NO_HOOKS = Hooks()
"""Of a run that goes to its end unseen, such as an oracle's."""


class Runner(Protocol):
    """Runs a lease's job until it ends or is stopped. Raises ServiceUnavailable where its inputs cannot be had now."""

    def __call__(self, terms: LeaseTerms, hooks: Hooks = NO_HOOKS) -> Execution: ...


def check_terms(event: LeaseOpened, terms: LeaseTerms) -> None:
    """Raises MalformedMessage unless the terms are those that the chain locked money for.

    The market only relays them: what counts is what both parties signed. The chain names the bid by its hash; of the
    ask it says whose it is, and that its quote is not above the price. Who signed it, `check_ask` tells.
    """
    bid, ask, has_network = terms.bid, terms.ask, terms.job_spec.network is not None
    _require(bid.struct_hash() == event.bid_hash, "bid", "does not hash to the lease's bidHash")
    _require(terms.job_spec.digest() == bid.job_digest, "jobSpec", "does not hash to the bid's jobDigest")
    # No vote and no second run: a renter's own host could answer one node otherwise, and have its stake for that.
    _require(not has_network or bid.verification == Verification.ACCEPT, "bid", "has others judge a job with network")
    # An enclave holds what it runs against the specification: others' results are on a chain that it does not see.
    is_blind = bid.verification == Verification.ATTESTED and bool(terms.job_spec.awaited)
    _require(not is_blind, "bid", "has evidence judge a job that takes others' files")
    _require(terms.price == event.price, "price", f"is {terms.price}, the chain locked {event.price}")
    _require((ask.provider, ask.market) == (event.provider, event.market), "ask", "is of another provider or market")
    _require(compute_quote(ask.rates, bid.resources).total <= event.price, "ask", "quotes more than the price")
    profile = ask.profile_digest if terms.profile is None else terms.profile.digest()
    _require(profile == ask.profile_digest, "profile", "does not hash to the ask's profileDigest")


def check_ask(signers: Signers, domain: Domain, terms: LeaseTerms, event: LeaseOpened) -> None:
    """Raises InvalidSignature unless its provider signed the ask, or the agent it names and might; ChainUnavailable.

    The same rule as the contract's, as of when the lease opened: an agent that was removed since was good then. An
    account that is a contract is asked now, as no log tells what it would have said.
    """

    def was_agent(provider: str, agent: str) -> bool:
        return signers.was_agent(provider, agent, event.origin)

    require_ask_signature(signers, domain, terms.ask, terms.ask_signature, was_agent)


def is_promise_broken(terms: LeaseTerms, own: NodeProfile) -> bool:
    """Whether oracles would run the job again in another sandbox than this node has: the one that its ask promised."""
    promised, has = terms.promised_sandbox, own.sandbox_digests.get(terms.job_spec.sandbox)
    return terms.bid.verification == Verification.REEXECUTE and promised is not None and promised != has


def _require(holds: bool, field: str, problem: str) -> None:
    if not holds:
        raise MalformedMessage(f"terms.{field}", problem)


def limits_of(bid: Bid, wall_factor: float = 1.0) -> Limits:
    """What the bid reserved, as sandbox limits. `wall_factor` gives a slower machine more of its own time."""
    return Limits(
        fuel=bid.fuel,
        memory_bytes=bid.memory_mb * BYTES_PER_MB,
        wall_seconds=bid.duration_seconds * wall_factor,
        egress_bytes=compute_output_bytes(bid),
        vcpus=max(1, bid.vcpus),
        gpus=bid.gpus,
    )


class JobRunner:
    """Runs each job in the sandbox that it names."""

    def __init__(
        self,
        adapters: Mapping[str, Adapter],
        fetch: FetchBlob,
        *,
        cache: Cache = lambda digest, fetch: fetch(digest),
        wall_factor: float = 1.0,
        keys: KeySource | None = None,
        resolve: Resolve = refuse_unresolved,
    ) -> None:
        """`fetch` is over the network: what it gives is a job's ingress, what `cache` has is not.

        `keys` gives those of private jobs; without it there are none that this machine could run.
        """
        self._adapters, self._cache = adapters, cache
        self._digests = {name: descriptor_digest(adapter) for name, adapter in adapters.items()}
        self._fetch = fetch
        self._wall_factor, self._keys, self._resolve = wall_factor, keys, resolve

    def __call__(self, terms: LeaseTerms, hooks: Hooks = NO_HOOKS) -> Execution:
        """Run a lease's job. What is not the job's fault ends as SANDBOX_ERROR with the reason in `log/stderr`."""
        spec, key = terms.job_spec, None
        limits = limits_of(terms.bid, self._wall_factor)
        try:
            if spec.privacy is not None:
                key = self._key(terms, hooks.stop)
                if key is None:
                    return replace(refuse("", 0), exit_kind=ExitKind.EVICTED)
            result = self._run(self._resolve(terms).job_spec, limits, hooks, key)
        except (NotFound, DigestMismatch, AgentError, TooLarge) as error:
            return hide(refuse(str(error), limits.egress_bytes, self._digests.get(spec.sandbox, NO_DIGEST)), key)
        return hide(package(result, self._digests[spec.sandbox]), key)

    def _key(self, terms: LeaseTerms, stop: Event | None) -> JobKey | None:
        """None where the job is stopped before its key has come."""
        if self._keys is None:
            raise AgentError("This machine runs no private jobs.")
        return self._keys(terms, stop)

    def _run(self, spec: JobSpec, limits: Limits, hooks: Hooks, key: JobKey | None) -> RunResult:
        adapter = self._adapters.get(spec.sandbox)
        if adapter is None:
            raise NotFound("sandbox", spec.sandbox)
        intake = Intake(self._fetch)

        def fetch(digest: str) -> bytes:
            data = _verified(digest, self._cache(digest, intake))
            return data if key is None else key.unseal(data)

        secrets = key.secrets if key is not None else {}
        job = Job(spec, self._inputs(spec, fetch), fetch, hooks.snapshots, hooks.printed, secrets)
        result = adapter.run(job, limits, hooks.stop)
        ingress = intake.total + (result.usage.ingress_bytes or 0)
        return replace(result, usage=replace(result.usage, ingress_bytes=ingress))

    def _inputs(self, spec: JobSpec, fetch: FetchBlob) -> dict[str, bytes]:
        inputs: dict[str, bytes] = {}
        total = 0
        for entry in spec.inputs:
            inputs[entry.path] = fetch(entry.digest)
            total += len(inputs[entry.path])
            if total > MAX_INPUT_TOTAL_BYTES:
                raise TooLarge("The job's input", total, MAX_INPUT_TOTAL_BYTES)
        return inputs


def _verified(digest: str, data: bytes) -> bytes:
    actual = sha256_digest(data)
    if actual != digest:
        raise DigestMismatch(expected=digest, actual=actual)
    return data


class Intake:
    """Fetches, and counts the bytes that came over the network for one job."""

    def __init__(self, fetch: FetchBlob) -> None:
        self._fetch, self.total = fetch, 0

    def __call__(self, digest: str) -> bytes:
        """As the fetch that it counts for."""
        data = self._fetch(digest)
        self.total += len(data)
        return data


def package(result: RunResult, sandbox_digest: str) -> Execution:
    """A sandbox's result with its manifest."""
    files = {OUTPUT_PREFIX + path: data for path, data in result.outputs.items()}
    files |= {STDOUT_PATH: result.stdout, STDERR_PATH: result.stderr}
    return Execution(
        exit_kind=result.exit_kind,
        exit_code=result.exit_code,
        fuel_used=result.fuel_used,
        wall_seconds=result.wall_seconds,
        manifest=Manifest.build(ManifestEntry.of(path, data) for path, data in files.items()),
        blobs={sha256_digest(data): data for data in files.values()},
        detail=result.detail,
        sandbox_digest=sandbox_digest,
        usage=result.usage,
    )


def refuse(reason: str, egress_bytes: int, sandbox_digest: str = NO_DIGEST) -> Execution:
    """An attested failure for a job that could not be started. Leaves only the reason, as far as egress reaches."""
    text = reason.encode()[:egress_bytes]
    return Execution(
        exit_kind=ExitKind.SANDBOX_ERROR,
        exit_code=0,
        fuel_used=0,
        wall_seconds=0,
        manifest=Manifest.build([ManifestEntry.of(STDERR_PATH, text)]),
        blobs={sha256_digest(text): text},
        detail=reason,
        sandbox_digest=sandbox_digest,
    )
