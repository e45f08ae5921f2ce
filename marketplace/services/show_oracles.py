"""What the market tells about its oracles: what they signed, what they are to reveal, and how they failed."""

from typing import Any

from marketplace.domain.seals import Fault, FaultKind, SealRecord, seal_evidence
from marketplace.services.judged_sandboxes import judged_sandboxes, sandboxes_of_oracles
from marketplace.services.market import Market
from marketplace.services.record_evidence import require_lease, require_oracle
from marketplace.services.seal_verdicts import reveals_of
from marketplace.services.storage import Transaction
from marketplace.services.tell_verdicts import is_decided, shown_verdicts


def show_seals(market: Market, lease_id: str) -> dict[str, Any]:
    """All that oracles signed about a lease; what opens the seals only once it is decided. Raises NotFound.

    Whoever reads it can check everything: signatures, and that each reveal opens its seal.
    """
    with market.store.read() as tx:
        lease = require_lease(tx, lease_id)
        judgement = tx.seals.judgement(lease_id)
        seals = tx.seals.of_lease(lease_id)
        shown = {one.oracle: one for one in shown_verdicts(tx, lease)}
        faults = [_fault_document(tx, one) for one in tx.seals.faults_of(lease_id)]
    documents = []
    for seal in seals:
        verdict = shown.get(seal.oracle)
        revealed = {
            "reveal": verdict.reveal.to_json() if verdict is not None else None,
            "revealSignature": verdict.signature if verdict is not None else None,
        }
        documents.append(_seal_document(seal) | revealed)
    return {
        "leaseId": lease_id,
        "openedAt": judgement.opened_at if judgement is not None else None,
        "concludedAt": judgement.concluded_at if judgement is not None else None,
        "seals": documents,
        "faults": faults,
    }


def list_reveals(market: Market, oracle: str) -> dict[str, Any]:
    """What an oracle is asked to reveal. Raises WrongSigner, ChainUnavailable.

    The signed seals are what it looks at first: with too few of them it would show its verdict to who has sealed none.
    """
    require_oracle(market, oracle)
    return market.answer(("reveals", oracle), lambda: {"reveals": _reveals(market, oracle)})


def _reveals(market: Market, oracle: str) -> list[dict[str, Any]]:
    return [
        {
            "leaseId": judgement.lease_id,
            "openedAt": judgement.opened_at,
            "seals": [_seal_document(one) for one in seals],
        }
        for judgement, seals in reveals_of(market, oracle)
    ]


def list_members(market: Market) -> dict[str, Any]:
    """The committee, what each member did for this market, and in which sandboxes they can convict a lie.

    Raises ChainUnavailable.
    """
    committee = market.chain.committee()
    with market.store.look() as tx:
        counts = {member: tx.seals.counts(member) for member in committee.members}
        sandboxes, judged = sandboxes_of_oracles(tx, committee), judged_sandboxes(tx, committee)
    return {
        "epoch": committee.epoch,
        "threshold": committee.threshold,
        "judgedSandboxes": sorted(judged),
        "members": [
            {
                "oracle": member,
                "sandboxDigest": sandboxes.get(member),
                "sealed": found.sealed,
                "revealed": found.revealed,
                **{kind.value: number for kind, number in found.faults.items()},
            }
            for member, found in counts.items()
        ],
    }


def list_faults(
    market: Market, *, oracle: str | None, kinds: tuple[FaultKind, ...], cursor: str | None, limit: int
) -> dict[str, Any]:
    """A page of failures, newest first. Raises MalformedMessage for a cursor that is none."""
    with market.store.look() as tx:
        page = tx.seals.faults(oracle=oracle, kinds=kinds, cursor=cursor, limit=limit)
        return {"faults": [_fault_document(tx, one) for one in page.items], "nextCursor": page.next_cursor}


def _seal_document(record: SealRecord) -> dict[str, Any]:
    received = {"receivedAt": record.received_at, "isLate": record.is_late}
    return {"oracle": record.oracle, **seal_evidence(record), **received}


def _fault_document(tx: Transaction, fault: Fault) -> dict[str, Any]:
    """What an oracle signed as its reveal may tell others what it found: it is held back until that decides nothing."""
    lease = tx.leases.get(fault.lease_id)
    waits = lease is not None and not is_decided(tx, lease)
    hidden = ("reveal", "revealSignature") if waits else ()
    return {
        "leaseId": fault.lease_id,
        "oracle": fault.oracle,
        "kind": fault.kind.value,
        "notedAt": fault.noted_at,
        "evidence": {name: value for name, value in fault.evidence.items() if name not in hidden},
    }
