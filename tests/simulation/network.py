"""Between clients and the market: requests and answers that are lost, doubled, late or out of order.

`MarketClient` is the real one; in place of its HTTP transport stands this. The market's side is the bodies that the API
reads (`marketplace.api.bodies`) and the services it calls: what HTTP itself does to them has tests of its own.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

from marketplace.api.bodies import (
    AskBody,
    AttestationBody,
    BatchSignatureBody,
    CancelBody,
    HeartbeatBody,
    JobBody,
    ReceiptBody,
    RevealsBody,
    SealsBody,
)
from marketplace.api.problems import problem_document
from marketplace.client import MarketClient
from marketplace.client.transport import MOST_BYTES
from marketplace.errors import MarketError, NotFound, ServiceUnavailable
from marketplace.services.cancel_order import cancel_order
from marketplace.services.group_commit import GroupCommit
from marketplace.services.market import Market
from marketplace.services.place_order import place_ask, place_bid
from marketplace.services.record_evidence import record_attestation, record_receipt
from marketplace.services.record_heartbeat import record_heartbeat
from marketplace.services.refund_lease import request_refund
from marketplace.services.seal_verdicts import SignedReveal, SignedSeal, record_reveals, record_seals
from marketplace.services.settle_batch import sign_batch
from marketplace.services.show_job import show_cost, show_job
from marketplace.services.show_lease import (
    batch_document,
    list_batches,
    list_claims,
    show_attestation,
    show_lease,
    show_terms,
)
from marketplace.services.show_market import show_transcript
from marketplace.services.show_oracles import list_reveals
from tests.simulation.faults import DiskFull, Faults

_LEASE, _JOB = r"/api/v1/leases/(0x\w+)", r"/api/v1/jobs/(0x\w+)"
_DONE = {"recorded": True}
Handler = Callable[[Market, str, Any], Any]


def _attest(market: Market, lease_id: str, sent: Any) -> Any:
    body = AttestationBody.model_validate(sent)
    record_attestation(market, lease_id, body.attestation, body.signature, body.manifest, body.usage, body.sealed)
    return _DONE


def _seal(market: Market, _: str, sent: Any) -> Any:
    body = SealsBody.model_validate(sent)
    return _each(record_seals(market, body.oracle, [SignedSeal(one.seal, one.signature) for one in body.seals]))


def _reveal(market: Market, _: str, sent: Any) -> Any:
    body = RevealsBody.model_validate(sent)
    return _each(record_reveals(market, body.oracle, [SignedReveal(one.reveal, one.signature) for one in body.reveals]))


def _each(outcomes: Sequence[bool | MarketError]) -> Any:
    return {"results": [{"problem": problem_document(one)} if isinstance(one, MarketError) else {} for one in outcomes]}


def _receipt(market: Market, lease_id: str, sent: Any) -> Any:
    body = ReceiptBody.model_validate(sent)
    record_receipt(market, lease_id, body.receipt, body.signature)
    return _DONE


def _sign(market: Market, digest: str, sent: Any) -> Any:
    body = BatchSignatureBody.model_validate(sent)
    return batch_document(sign_batch(market, digest, body.oracle, body.signature))


def _submit(market: Market, _: str, sent: Any) -> Any:
    body = JobBody.model_validate(sent)
    return {"jobId": place_bid(market, body.bid, body.signature, body.job_spec).order_hash}


def _offer(market: Market, _: str, sent: Any) -> Any:
    body = AskBody.model_validate(sent)
    return {"askHash": place_ask(market, body.ask, body.signature, body.profile).order_hash}


def _cancel(market: Market, _: str, sent: Any) -> Any:
    body = CancelBody.model_validate(sent)
    return {"cancelled": cancel_order(market, body.cancel, body.signature).orders}


def _beat(market: Market, agent: str, sent: Any) -> Any:
    body = HeartbeatBody.model_validate(sent)
    heard = record_heartbeat(market, agent, body.heartbeat, body.signature)
    return {"lastSeen": heard.last_seen, "notices": []}


def _has_blob(market: Market, digest: str, _: Any) -> Any:
    if not market.blobs.has(digest):
        raise NotFound("blob", digest)


def _get_blob(market: Market, digest: str, _: Any) -> bytes:
    with market.blobs.open(digest) as file:
        return file.read()


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", f"{_LEASE}/terms", lambda market, lease_id, _: show_terms(market, lease_id)),
    ("GET", f"{_LEASE}/attestation", lambda market, lease_id, _: show_attestation(market, lease_id)),
    ("GET", _LEASE, lambda market, lease_id, _: show_lease(market, lease_id)),
    ("POST", f"{_LEASE}/attestation", _attest),
    ("POST", r"/api/v1/oracle/seals()", _seal),
    ("POST", r"/api/v1/oracle/verdicts()", _reveal),
    ("POST", f"{_LEASE}/receipt", _receipt),
    ("GET", r"/api/v1/oracle/claims()", lambda market, _, asked: list_claims(market, asked["oracle"])),
    ("GET", r"/api/v1/oracle/reveals()", lambda market, _, asked: list_reveals(market, asked["oracle"])),
    ("GET", r"/api/v1/oracle/batches()", lambda market, _, asked: list_batches(market, asked["oracle"])),
    ("POST", r"/api/v1/oracle/batches/(0x\w+)/signature", _sign),
    ("POST", r"/api/v1/jobs/submit()", _submit),
    ("GET", f"{_JOB}/status", lambda market, job_id, _: show_job(market, job_id)),
    ("GET", f"{_JOB}/cost", lambda market, job_id, _: show_cost(market, job_id)),
    ("POST", f"{_JOB}/refund", lambda market, job_id, _: {"leases": request_refund(market, job_id)}),
    ("POST", r"/api/v1/asks()", _offer),
    ("POST", r"/api/v1/cancellations()", _cancel),
    ("POST", r"/api/v1/nodes/(0x\w+)/heartbeat", _beat),
    ("GET", r"/api/v1/rounds/(\d+)/transcript", lambda market, number, _: show_transcript(market, int(number))),
    ("HEAD", r"/api/v1/blobs/(0x\w+)", _has_blob),
    ("GET", r"/api/v1/blobs/(0x\w+)", _get_blob),
    ("PUT", r"/api/v1/blobs/(0x\w+)", lambda market, digest, sent: market.blobs.put(digest, sent)),
)


def answer(market: Market, method: str, path: str, sent: Any) -> Any:
    """What the market says to a request. Raises the service's MarketError; ServiceUnavailable on a full disk."""
    for wanted, pattern, handle in ROUTES:
        found = re.fullmatch(pattern, path) if wanted == method else None
        if found is not None:
            try:
                return handle(market, found[1], sent)
            except DiskFull as error:  # any exception is a 500 there
                raise ServiceUnavailable("The market could not do this.") from error
    raise AssertionError(f"the simulation does not know {method} {path}")


class MustWait(Exception):
    """A request waits for another's write."""


class OneThreadGroup(GroupCommit[Any, Any]):
    """There is one real thread here: a request that waits would wait for the one that it interrupted, for ever."""

    def _join(self, mine: Any) -> list[Any]:
        if self._is_writing:
            raise MustWait
        return super()._join(mine)


class Wire:
    """In the place of `client.transport.Transport`. `deliver` hands a request to the market as it then is.

    `process`: whose requests these are, which may end before or after each; empty for a person.
    """

    def __init__(
        self,
        faults: Faults,
        deliver: Callable[[str, str, Any], Any],
        later: list[tuple[str, str, Any]],
        process: str = "",
    ) -> None:
        self._faults, self._deliver, self._later, self._process = faults, deliver, later, process

    def close(self) -> None:
        """Nothing is held."""

    def request(
        self, method: str, path: str, *, json: Any = None, content: bytes | None = None,
        params: Mapping[str, Any] | None = None, repeatable: bool | None = None, most_bytes: int = MOST_BYTES,
    ) -> httpx.Response:  # fmt: skip
        """As the real one; one attempt, as whoever calls comes again."""
        sent = content if content is not None else json if json is not None else dict(params or {})
        self._crash()
        found = self._over_network(method, path, sent)
        self._crash()
        answer = httpx.Response(200, content=found) if isinstance(found, bytes) else httpx.Response(200, json=found)
        if len(answer.content) > most_bytes:
            raise ServiceUnavailable("The market answered with more than it may.")
        return answer

    def json(self, method: str, path: str, **options: Any) -> Any:
        """As the real one."""
        return self.request(method, path, **options).json()

    def _crash(self) -> None:
        if self._process:
            self._faults.crash(self._process)

    def _over_network(self, method: str, path: str, sent: Any) -> Any:
        sent = sent if isinstance(sent, bytes) else json.loads(json.dumps(sent))
        if self._faults.strikes("request lost"):
            raise ServiceUnavailable("The market does not answer.")
        if self._faults.strikes("delayed"):
            self._later.append((method, path, sent))
            raise ServiceUnavailable("The market did not answer in time.")
        if self._faults.strikes("duplicated"):
            self._later.append((method, path, sent))
        found = self._deliver(method, path, sent)
        if self._faults.strikes("answer lost"):
            raise ServiceUnavailable("The market's answer was lost.")
        return found


def client_over(wire: Wire) -> MarketClient:
    """A client whose requests go over this wire: without the connection pool that its constructor opens."""
    client = object.__new__(MarketClient)
    client._transport = wire
    return client
