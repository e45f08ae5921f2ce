"""Keys of private jobs as the market keeps them: ciphertexts that it cannot read, each with who signed for it."""

from dataclasses import dataclass

from marketplace.protocol.privacy import KeyGrant, KeyOffer


@dataclass(frozen=True, slots=True)
class GrantRecord:
    """A job's key, encrypted to one holder by one signer."""

    grant: KeyGrant
    signer: str
    """The job's renter, or the agent of a lease of it."""
    signature: str
    ciphertext: bytes
    received_at: int


@dataclass(frozen=True, slots=True)
class OfferRecord:
    """An oracle's public key, by its own signature."""

    offer: KeyOffer
    signature: str
