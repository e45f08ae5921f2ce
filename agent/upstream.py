"""What a job needs of others: found on the chain, fetched and checked, before it runs or is judged.

A specification may name files of other jobs by those jobs' bids. Which result counts is what the contracts' events say
as of when this job's lease opened (`marketplace.domain.upstream`); the market only relays the result's manifest, which
must hash to the digest on chain, and bytes, which must hash to what the manifest says. So it can withhold, and not
substitute.
"""

from dataclasses import replace
from threading import Lock
from typing import Any, Protocol

from agent.chain import FollowedChain
from agent.follow import BLOCKS_AT_ONCE
from marketplace.client.terms import LeaseTerms
from marketplace.domain.chain import BlockRef
from marketplace.domain.upstream import History, Met, Moment
from marketplace.errors import AgentError, InvalidManifest, NotFound, ServiceUnavailable
from marketplace.protocol.jobspec import InputFile, JobSpec
from marketplace.protocol.manifest import Manifest
from marketplace.protocol.upstream import Awaited


class Results(Protocol):
    """Where manifests come from. `MarketClient` fulfils it."""

    def attestation(self, lease_id: str) -> dict[str, Any]: ...


class Upstream:
    """The results that jobs need. Safe to share between threads.

    The chain is read when the first such job comes, and from there on: who runs none of them reads nothing. What was
    read is kept in memory, some hundred bytes a lease of the escrow.
    """

    def __init__(self, chain: FollowedChain, results: Results) -> None:
        self._chain, self._results, self._lock = chain, results, Lock()
        self._history = History()
        self._followed: BlockRef | None = None

    def find_obstacle(self, terms: LeaseTerms) -> str:
        """Why a lease's job counts for nothing, whatever came out of it; empty where it does.

        Raises ChainUnavailable; ServiceUnavailable where the node does not know of the lease yet.
        """
        return "" if terms.job_spec.workflow is None else self._find(terms)[1]

    def resolve(self, terms: LeaseTerms) -> LeaseTerms:
        """The terms with others' files among the inputs, as if they had been uploaded.

        Raises AgentError where what is needed is not there, or the market relays something else; NotFound,
        ChainUnavailable, ServiceUnavailable.
        """
        if terms.job_spec.workflow is None:
            return terms
        met, obstacle = self._find(terms)
        if obstacle:
            raise AgentError(f"The job must not run: {obstacle}.")
        files = [_file(entry, one, manifest) for one in met for manifest in self._read(one) for entry in one.need.files]
        return replace(terms, job_spec=_filled(terms.job_spec, files))

    def _find(self, terms: LeaseTerms) -> tuple[list[Met], str]:
        place, bid_hash = terms.job_spec.workflow, terms.bid.struct_hash()
        assert place is not None, "asked of jobs of workflows alone"
        with self._lock:
            moment = self._follow_to(bid_hash)  # which may begin another history
            return self._history.find_met(place, moment)

    def _follow_to(self, bid_hash: str) -> Moment:
        """Read on where the bid is not known yet, or the chain is another; when its lease opened."""
        if not self._is_still_there():
            self._history, self._followed = History(), None
        moment = self._history.moment_of(bid_hash)
        if moment is None:
            self._follow()
            moment = self._history.moment_of(bid_hash)
        if moment is None:
            raise ServiceUnavailable(f"The chain's node does not know of a lease of {bid_hash} yet.")
        return moment

    def _is_still_there(self) -> bool:
        if self._followed is None:
            return True
        block = self._chain.block(self._followed.number)
        return block is not None and block.hash == self._followed.hash

    def _follow(self) -> None:
        """In pieces, each noted once it is read: where the next cannot be had, a later look knows what this one saw."""
        head = self._chain.head()
        first = self._chain.deployed_at_block if self._followed is None else self._followed.number + 1
        while first <= head.number:
            last = min(first + BLOCKS_AT_ONCE - 1, head.number)
            block = head if last == head.number else self._chain.block(last)  # before the events, which may be newer
            if block is None:
                raise ServiceUnavailable(f"The chain's node does not know its block {last} any more.")
            self._history.read(self._chain.events(first, last))
            self._followed = block
            first = last + 1

    def _read(self, met: Met) -> list[Manifest]:
        """The result's manifest, where any file of it is wanted."""
        if not met.need.files:
            return []
        manifest = _parse(self._results.attestation(met.lease_id))
        if manifest.root() != met.result_digest:
            raise AgentError(
                f"The market's manifest of lease {met.lease_id} does not hash to {met.result_digest}, the result that"
                " the chain has."
            )
        return [manifest]


def refuse_unresolved(terms: LeaseTerms) -> LeaseTerms:
    """What is asked where no chain is at hand. Raises AgentError for a job of a workflow."""
    if terms.job_spec.workflow is not None:
        raise AgentError("This machine does not follow the chain: it cannot tell what the job's needs came to.")
    return terms


def _parse(evidence: dict[str, Any]) -> Manifest:
    try:
        return Manifest.parse(evidence.get("manifest"))
    except InvalidManifest as error:
        raise AgentError(f"The market relays no manifest: {error}") from error


def _file(entry: Awaited, met: Met, manifest: Manifest) -> InputFile:
    """Raises NotFound, AgentError."""
    found = next((one for one in manifest.entries if one.path == entry.output), None)
    if found is None:
        raise NotFound("file of the needed result", f"{entry.output} of lease {met.lease_id}")
    if found.size > entry.max_bytes:
        raise AgentError(f"{entry.output} of lease {met.lease_id} has {found.size} bytes; {entry.max_bytes} are taken.")
    return InputFile(path=entry.path, digest=found.digest, size=found.size)


def _filled(spec: JobSpec, files: list[InputFile]) -> JobSpec:
    return spec.model_copy(update={"inputs": (*spec.inputs, *files), "workflow": None})
