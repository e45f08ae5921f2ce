"""What the services need from the world, as protocols. `bootstrap.py` decides who fulfils them."""

from marketplace.ports.chain import Chain, Chosen, Match, Sender, Sent, TxResult
from marketplace.ports.world import Answered, Blobs, Clock, Courier, Feed, Parcel, Policy, Remedy, Signer, Upload

__all__ = [
    "Answered", "Blobs", "Chain", "Chosen", "Clock", "Courier", "Feed", "Match", "Parcel", "Policy", "Remedy", "Sender",
    "Sent", "Signer", "TxResult", "Upload",
]  # fmt: skip
