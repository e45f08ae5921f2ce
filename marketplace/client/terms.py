"""What a lease obliges its parties to, as both of them signed it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from marketplace.errors import MalformedMessage
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Ask, Bid
from marketplace.protocol.profile import NodeProfile


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """Both signed orders, the price (micro-USDC, what is locked) and the job specification.

    The server's word alone: agents check the hashes against the chain's LeaseOpened event and the signatures.
    """

    bid: Bid
    bid_signature: str
    ask: Ask
    ask_signature: str
    price: int
    job_spec: JobSpec
    round: int | None = None
    """The round that matched them: its transcript names the ask, and its digest is on chain."""
    profile: Mapping[str, Any] | None = None
    """Of the node, as it was sent: looked at by `require_profile` alone, since most have no use for it."""

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Raises MalformedMessage or InvalidJobSpec naming the field."""
        try:
            return cls(
                bid=Bid.parse(document["bid"]),
                bid_signature=str(document["bidSignature"]),
                ask=Ask.parse(document["ask"]),
                ask_signature=str(document["askSignature"]),
                price=int(document["price"]),
                job_spec=JobSpec.parse(document["jobSpec"]),
                round=int(document["round"]) if document.get("round") is not None else None,
                profile=document.get("profile"),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedMessage("LeaseTerms", f"a field is missing or malformed: {error}") from error

    def to_json(self) -> dict[str, Any]:
        """The form in which the market serves it."""
        return {
            "bid": self.bid.to_json(),
            "bidSignature": self.bid_signature,
            "ask": self.ask.to_json(),
            "askSignature": self.ask_signature,
            "price": str(self.price),
            "jobSpec": self.job_spec.to_json(),
            "round": self.round,
            "profile": self.profile,
        }

    def require_profile(self) -> NodeProfile:
        """The node's profile. Raises MalformedMessage where it is missing, or not the one that the ask names."""
        profile = NodeProfile.parse(self.profile)
        if profile.digest() != self.ask.profile_digest:
            raise MalformedMessage("LeaseTerms.profile", f"does not hash to the ask's {self.ask.profile_digest}")
        return profile
