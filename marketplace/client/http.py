"""`MarketClient`: every call of the market's HTTP interface (docs/protocol.md), one method each.

Signed messages go in as protocol objects; documents come out as the JSON objects that the service documents in its
OpenAPI, except what others must verify: job specifications, manifests and terms come out as protocol objects.
All methods raise the MarketError that the service raised, and ServiceUnavailable where it cannot be reached.
"""

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx

from marketplace.client.audit_log import AuditLogCalls
from marketplace.client.calls import API, Document, items
from marketplace.client.certificates import CertificateCalls
from marketplace.client.events import EventCalls
from marketplace.client.evidence import EvidenceCalls
from marketplace.client.grants import GrantCalls
from marketplace.client.oracles import OracleCalls
from marketplace.client.transport import DEFAULT_TIMEOUT, MOST_BYTES, Context, Transport
from marketplace.client.workflow_calls import WorkflowCalls
from marketplace.errors import DigestMismatch, NotFound

if TYPE_CHECKING:  # eth-account behind these costs a second of every command that signs nothing
    from marketplace.client.terms import LeaseTerms
    from marketplace.protocol.eip712 import Domain
    from marketplace.protocol.jobspec import JobSpec
    from marketplace.protocol.messages import Ask, Bid, Cancel, Heartbeat
    from marketplace.protocol.metering import Resources


class MarketClient(CertificateCalls, OracleCalls, EvidenceCalls, EventCalls, GrantCalls, AuditLogCalls, WorkflowCalls):
    """A connection to one market. A context manager; safe to share between threads."""

    def __init__(
        self,
        base_url: str,
        timeout: float = DEFAULT_TIMEOUT,
        *,
        transport: httpx.BaseTransport | None = None,
        context: Context | None = None,
    ) -> None:
        """`timeout` in seconds bounds each attempt; `transport` is for tests, `context` as `Transport`'s."""
        self._transport = Transport(base_url, timeout=timeout, transport=transport, context=context)

    @property
    def base_url(self) -> str:
        """Where the market is, without a trailing slash."""
        return self._transport.base_url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Return the connections."""
        self._transport.close()

    # --- the market itself -------------------------------------------------------------------------------------

    def health(self) -> Document:
        """`{status, chainId, escrow, head, followed}`."""
        return self._get("/health")

    def config(self) -> Document:
        """Chain, contracts, the market's own address, fee, signing domain, limits, seconds of a round."""
        return self._get(f"{API}/config")

    def domain(self) -> "Domain":
        """The EIP-712 domain that orders for this market are signed for."""
        from marketplace.protocol.eip712 import Domain

        config = self.config()
        return Domain(chain_id=int(config["chainId"]), escrow=config["contracts"]["Escrow"])

    def cluster_status(self) -> Document:
        """The market at a glance: nodes, jobs and leases by state."""
        return self._get(f"{API}/cluster/status")

    def nodes(self) -> list[Document]:
        """Every node that offers capacity."""
        return items(self._get(f"{API}/cluster/nodes"), "nodes")

    # --- blobs -------------------------------------------------------------------------------------------------

    def put_blob(self, data: bytes, digest: str | None = None) -> str:
        """Upload; returns the content digest. Raises TooLarge, DigestMismatch where `digest` is not that of `data`."""
        actual = _sha256(data)
        if digest is not None and digest != actual:
            raise DigestMismatch(expected=digest, actual=actual)
        self._transport.request("PUT", f"{API}/blobs/{actual}", content=data)
        return actual

    def get_blob(self, digest: str, size: int = MOST_BYTES) -> bytes:
        """Download and check; no more than `size` bytes are taken in. Raises NotFound; DigestMismatch where the server
        sent other bytes; ServiceUnavailable where it sent more."""
        data = self._transport.request("GET", f"{API}/blobs/{digest}", most_bytes=size).content
        actual = _sha256(data)
        if actual != digest:
            raise DigestMismatch(expected=digest, actual=actual)
        return data

    def has_blob(self, digest: str) -> bool:
        """Whether the market holds these bytes."""
        try:
            self._transport.request("HEAD", f"{API}/blobs/{digest}")
        except NotFound:
            return False
        return True

    # --- orders ------------------------------------------------------------------------------------------------

    def quote(
        self,
        resources: "Resources",
        *,
        job_spec: "JobSpec | None" = None,
        replicas: int = 1,
        max_price: int | None = None,
    ) -> Document:
        """What this would cost, where, and what stands in the way. Signs nothing, reserves nothing."""
        return self._post(f"{API}/quotes", _quote_body(resources, job_spec, replicas, max_price), repeatable=True)

    def advise(
        self,
        resources: "Resources",
        *,
        job_spec: "JobSpec | None" = None,
        replicas: int = 1,
        max_price: int | None = None,
    ) -> Document:
        """How likely a price is to be enough, and what would make the job cheaper."""
        return self._post(
            f"{API}/quotes/advice", _quote_body(resources, job_spec, replicas, max_price), repeatable=True
        )

    def submit_job(self, bid: "Bid", signature: str, job_spec: "JobSpec", *, now: bool = False) -> Document:
        """Place a signed bid; `{jobId, filledInRound, …}`. Its inputs must have been uploaded. The same bid twice is
        one job. With `now` it is filled at once where asks stand that can serve it, else it waits for the next round.
        """
        body: Document = {"bid": bid.to_json(), "signature": signature, "jobSpec": job_spec.to_json()}
        if now:
            body["now"] = True
        return self._post(f"{API}/jobs/submit", body)

    def post_ask(self, ask: "Ask", signature: str, profile: Document) -> Document:
        """Place a signed ask with its node profile; `{askHash}`."""
        body = {"ask": ask.to_json(), "signature": signature, "profile": profile}
        return self._post(f"{API}/asks", body, repeatable=True)

    def asks(self, **filters: Any) -> list[Document]:
        """Live asks."""
        return items(self._get(f"{API}/asks", **filters), "asks")

    def cancel(self, cancel: "Cancel", signature: str) -> Document:
        """Withdraw an order."""
        return self._post(f"{API}/cancellations", {"cancel": cancel.to_json(), "signature": signature})

    def heartbeat(self, heartbeat: "Heartbeat", signature: str) -> Document:
        """Say that an agent is alive."""
        body = {"heartbeat": heartbeat.to_json(), "signature": signature}
        return self._post(f"{API}/nodes/{heartbeat.agent}/heartbeat", body, repeatable=True)

    # --- jobs --------------------------------------------------------------------------------------------------

    def jobs(
        self,
        *,
        renter: str | None = None,
        state: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Document:
        """A page of jobs, newest first: `{jobs, nextCursor}`."""
        return self._get(f"{API}/jobs", renter=renter, state=state, cursor=cursor, limit=limit)

    def job(self, job_id: str) -> Document:
        """State, leases and timeline."""
        return self._get(f"{API}/jobs/{job_id}/status")

    def job_cost(self, job_id: str) -> Document:
        """The bill, line by line."""
        return self._get(f"{API}/jobs/{job_id}/cost")

    def job_logs(self, job_id: str) -> Document:
        """Standard output and error of each lease; where `attested` is false, what it has printed so far."""
        return self._get(f"{API}/jobs/{job_id}/logs")

    def job_result(self, job_id: str) -> Document:
        """Manifest, result digest and attestation of each lease."""
        return self._get(f"{API}/jobs/{job_id}/result")

    def job_explain(self, job_id: str) -> Document:
        """Matched or not, why, at what price, what the runners-up would have cost."""
        return self._get(f"{API}/jobs/{job_id}/explain")

    def job_events(self, job_id: str) -> list[Document]:
        """The timeline alone."""
        return items(self._get(f"{API}/jobs/{job_id}/events"), "events")

    def request_refund(self, job_id: str) -> Document:
        """Ask the market to send the refund of leases past their deadline."""
        return self._post(f"{API}/jobs/{job_id}/refund", {})

    # --- leases ------------------------------------------------------------------------------------------------

    def leases(
        self,
        *,
        provider: str | None = None,
        agent: str | None = None,
        state: str | None = None,
        cursor: str | None = None,
    ) -> list[Document]:
        """Leases, newest first."""
        found = self._get(f"{API}/leases", provider=provider, agent=agent, state=state, cursor=cursor)
        return items(found, "leases")

    def lease(self, lease_id: str) -> Document:
        """One lease."""
        return self._get(f"{API}/leases/{lease_id}")

    def lease_terms(self, lease_id: str) -> "LeaseTerms":
        """Both signed orders, price and job specification: to be checked against the chain's LeaseOpened."""
        from marketplace.client.terms import LeaseTerms

        return LeaseTerms.parse(self._get(f"{API}/leases/{lease_id}/terms"))

    # --- rounds and accounts -----------------------------------------------------------------------------------

    def rounds(self, **page: Any) -> list[Document]:
        """Rounds, newest first."""
        return items(self._get(f"{API}/rounds", **page), "rounds")

    def round(self, number: int) -> Document:
        """One round: digest, surplus, certificate, matches."""
        return self._get(f"{API}/rounds/{number}")

    def transcript(self, number: int) -> Document:
        """All it takes to recompute a round."""
        return self._get(f"{API}/rounds/{number}/transcript")

    def register_account(self, address: str) -> Document:
        """Let the market know an account; returns the same as `account`."""
        return self._post(f"{API}/accounts", {"address": address}, repeatable=True)

    def account(self, address: str) -> Document:
        """Balances, stake and reputation as the contracts report them, micro-USDC as decimal strings; the next salt."""
        return self._get(f"{API}/accounts/{address}")

    def next_salt(self, renter: str) -> int:
        """The salt for the next bid of `renter`, as far as the market knows its bids: see `client.salts`."""
        return int(self.account(renter)["nextSalt"])


def _quote_body(resources: "Resources", job_spec: "JobSpec | None", replicas: int, max_price: int | None) -> Document:
    body: Document = {"resources": resources_json(resources), "replicas": replicas}
    if job_spec is not None:
        body["jobSpec"] = job_spec.to_json()
    if max_price is not None:
        body["maxPrice"] = str(max_price)
    return body


def resources_json(resources: "Resources") -> Document:
    """Resources under the names that `Bid` gives them."""
    return {
        "gpus": resources.gpus,
        "vcpus": resources.vcpus,
        "memoryMb": resources.memory_mb,
        "durationSeconds": resources.seconds,
        "fuel": str(resources.fuel),
        "egressMb": resources.egress_mb,
    }


def _sha256(data: bytes) -> str:
    from marketplace.protocol.canonical import sha256_digest

    return sha256_digest(data)
