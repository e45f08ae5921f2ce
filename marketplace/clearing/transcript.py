"""The transcript of a round: all that went in and all that came out, named by its digest, recomputable by anyone."""

from dataclasses import dataclass
from typing import Any

from marketplace.clearing.engine.solve import PPM
from marketplace.clearing.round import Parameters, RoundResult, clear_round
from marketplace.domain import atlas
from marketplace.domain.book import BookSnapshot, PlacedAsk, PlacedBid
from marketplace.domain.calendar import FOREVER
from marketplace.errors import TranscriptMismatch
from marketplace.protocol.canonical import json_digest
from marketplace.protocol.eip712 import SIGNATURE_BYTES, Domain
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Ask, Bid, require_signed_by
from marketplace.protocol.profile import NodeProfile
from marketplace.protocol.units import BPS

VERSION = 6


@dataclass(frozen=True, slots=True)
class Transcript:
    """A JSON document and its digest, which is posted on chain with the leases it justifies."""

    document: dict[str, Any]

    @property
    def digest(self) -> str:
        """`roundDigest`."""
        return json_digest(self.document)


def write_transcript(
    result: RoundResult, parameters: Parameters, domain: Domain, market: str, number: int
) -> Transcript:
    """The transcript of round `number`. Amounts are decimal strings."""
    snapshot = result.problem.snapshot
    return Transcript(
        {
            "version": VERSION,
            "domain": domain.as_json(),
            "market": market,
            "round": number,
            "closesAt": snapshot.now,
            "parameters": {
                "epsilonPpm": parameters.epsilon_ppm,
                "strandedWeightBps": parameters.stranded_weight_bps,
                "standingWeightBps": parameters.standing_weight_bps,
                "atlasDigest": atlas.digest(),
            },
            "bids": [_bid_json(one) for one in snapshot.bids],
            "asks": [_ask_json(one) for one in snapshot.asks],
            **_outcome(result),
        }
    )


def _outcome(result: RoundResult) -> dict[str, Any]:
    certificate = result.certificate
    return {
        "matches": [
            {
                "bidHash": match.bid_hash,
                "askHash": match.ask_hash,
                "quote": str(match.quote),
                "units": match.units,
                "rent": str(match.rent),
                "price": str(match.price),
            }
            for match in result.matches
        ],
        "rents": {ask: str(rent) for ask, rent in sorted(result.rents.items())},
        "shadowPrices": {ask: str(price) for ask, price in sorted(result.shadow_prices.items())},
        "certificate": {
            "surplus": str(certificate.surplus),
            "bound": str(certificate.bound),
            "epsilon": str(certificate.epsilon),
        },
    }


def _bid_json(placed: PlacedBid) -> dict[str, Any]:
    return {
        "bid": placed.bid.to_json(),
        "signature": placed.signature,
        "jobSpec": placed.job_spec.to_json(),
    }


def _ask_json(placed: PlacedAsk) -> dict[str, Any]:
    return {
        "ask": placed.ask.to_json(),
        "signature": placed.signature,
        "profile": placed.profile.to_json(),
        "freeUnits": placed.free_units,
        "availableStake": str(placed.available_stake),
        "settledLeases": placed.settled_leases,
        "freeUntil": placed.free_until if placed.free_until < FOREVER else None,
        "isJudged": placed.is_judged,
    }


def read_snapshot(document: dict[str, Any]) -> BookSnapshot:
    """The orders that a transcript says went in. Raises TranscriptMismatch where it is not well formed."""
    try:
        bids = [
            PlacedBid(
                bid := Bid.parse(one["bid"]),
                one["signature"],
                JobSpec.parse(one["jobSpec"]),
                bid.struct_hash(),
            )
            for one in document["bids"]
        ]
        asks = [
            PlacedAsk(
                ask := Ask.parse(one["ask"]),
                one["signature"],
                NodeProfile.parse(one["profile"]),
                ask.struct_hash(),
                int(one["freeUnits"]),
                int(one["availableStake"]),
                int(one["settledLeases"]),
                FOREVER if one["freeUntil"] is None else int(one["freeUntil"]),
                bool(one["isJudged"]),
            )
            for one in document["asks"]
        ]
        return BookSnapshot.of(int(document["closesAt"]), bids, asks)
    except (KeyError, TypeError, ValueError) as error:
        raise TranscriptMismatch(f"The transcript lacks or garbles {error}.") from error


def read_parameters(document: dict[str, Any]) -> Parameters:
    """By which a round was cleared. Raises KeyError, ValueError for what is no transcript."""
    given = document["parameters"]
    return Parameters(*(int(given[name]) for name in ("epsilonPpm", "strandedWeightBps", "standingWeightBps")))


def verify_transcript(document: dict[str, Any], expected_digest: str) -> RoundResult:
    """Recompute a round from its transcript alone.

    Checks the digest, that every order was signed by who it names (an ask by its provider or by its agent; an ERC-1271
    signature, and whom a provider delegated, can only be checked on the chain), that job specifications and profiles
    are those that were signed, that no order counts for more than was signed, and that clearing the orders gives these
    matches, rents and certificate. Raises TranscriptMismatch, InvalidSignature.
    """
    actual = Transcript(document).digest
    if actual != expected_digest:
        raise TranscriptMismatch(
            f"The transcript hashes to {actual}, the chain recorded {expected_digest}.", actual=actual
        )
    snapshot = read_snapshot(document)
    try:
        if document["version"] != VERSION:
            raise TranscriptMismatch(f"The transcript is of version {document['version']!r}; this is {VERSION}.")
        domain = Domain(int(document["domain"]["chainId"]), document["domain"]["verifyingContract"])
        market, given, parameters = document["market"], document["parameters"], read_parameters(document)
        weights = (parameters.stranded_weight_bps, parameters.standing_weight_bps)
        _require(
            0 <= parameters.epsilon_ppm <= PPM and all(0 <= weight <= BPS for weight in weights),
            "The round's parameters are out of range.",
        )
        _require(
            given["atlasDigest"] == atlas.digest(),
            f"The round was cleared with other tables of latency, transfer prices and carbon: {given['atlasDigest']}, "
            f"not {atlas.digest()}.",
        )
        claimed = {name: document[name] for name in ("matches", "rents", "shadowPrices", "certificate")}
    except (KeyError, TypeError, ValueError) as error:
        raise TranscriptMismatch(f"The transcript lacks or garbles {error}.") from error
    _check_orders(snapshot, domain, market)
    _check_counts(snapshot)
    try:
        result = clear_round(snapshot, parameters)
    except OverflowError as error:
        raise TranscriptMismatch("The transcript has numbers beyond 64 bits.") from error
    for name, recomputed in _outcome(result).items():
        if claimed[name] != recomputed:
            raise TranscriptMismatch(f"Recomputing gives other {name} than the transcript.", part=name)
    return result


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise TranscriptMismatch(problem)


def _check_counts(snapshot: BookSnapshot) -> None:
    """Scarcity makes the price, so no demand may be counted that nobody signed, and no order twice."""
    for hashes in ([one.bid_hash for one in snapshot.bids], [one.ask_hash for one in snapshot.asks]):
        _require(len(set(hashes)) == len(hashes), "The transcript lists an order twice.")
    for ask in snapshot.asks:
        units = ask.ask.units
        _require(ask.free_units <= units, f"Ask {ask.ask_hash} was signed for {units} units, not {ask.free_units}.")


def _check_orders(snapshot: BookSnapshot, domain: Domain, market: str) -> None:
    for placed in snapshot.bids:
        _check_order(placed.bid, (placed.bid.renter,), placed.signature, domain, market)
        if placed.job_spec.digest() != placed.bid.job_digest:
            raise TranscriptMismatch(f"Bid {placed.bid_hash} was signed for another job specification.")
    for placed in snapshot.asks:
        _check_order(placed.ask, (placed.ask.provider, placed.ask.agent), placed.signature, domain, market)
        if placed.profile.digest() != placed.ask.profile_digest:
            raise TranscriptMismatch(f"Ask {placed.ask_hash} was signed for another node profile.")


def _check_order(order: Bid | Ask, signers: tuple[str, ...], signature: str, domain: Domain, market: str) -> None:
    if order.market != market:
        raise TranscriptMismatch(f"An order names the market {order.market}, the round is of {market}.")
    if len(signature) == 2 + 2 * SIGNATURE_BYTES and order.recover(domain, signature) not in signers[1:]:
        require_signed_by(order, signers[0], domain, signature)
