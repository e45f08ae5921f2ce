"""What a lease obliges its parties to, as both of them signed it."""

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
    profile: NodeProfile | None = None
    """Of the node, as its provider signed it with the ask. None where the server does not say."""

    @property
    def promised_sandbox(self) -> str | None:
        """The digest of the sandbox in which the ask promises to run this job; None where it promises none."""
        return self.profile.sandbox_digests.get(self.job_spec.sandbox) if self.profile else None

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
                profile=NodeProfile.parse(document["profile"]) if document.get("profile") is not None else None,
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
            "profile": self.profile.to_json() if self.profile else None,
        }

    def require_profile(self) -> NodeProfile:
        """The node's profile. Raises MalformedMessage where it is missing, or not the one that the ask names."""
        if self.profile is None:
            raise MalformedMessage("LeaseTerms.profile", "is missing")
        if self.profile.digest() != self.ask.profile_digest:
            raise MalformedMessage("LeaseTerms.profile", f"does not hash to the ask's {self.ask.profile_digest}")
        return self.profile
