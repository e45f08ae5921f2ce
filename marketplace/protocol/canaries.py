"""Canaries: leases whose provider attests a false result on purpose, to see which oracles sign without looking.

That a lie was planted is fixed before its lease opens: the job's seed (`determinism.seed`) is a commitment of the key
that attests. The chain names the bid by its hash, the bid the job by its digest, the job its seed; nobody but the
canary's owner knows it from a random one until it shows the salt. `docs/decisions/0029-canaries.md` says what follows.
"""

from eth_abi import encode as abi_encode
from eth_utils import keccak

from marketplace.protocol.eip712 import Bytes32, TypedMessage


class CanaryOpening(TypedMessage):
    """A market's word that a lease was a canary, and that it has run the job and found another result."""

    lease_id: Bytes32
    salt: Bytes32
    """What opens the commitment in the job's seed."""
    result_digest: Bytes32
    """What the job really gives; anybody can run it again."""


def canary_seed(agent: str, renter: str, salt: str) -> str:
    """The seed of `renter`'s job about which `agent` will lie.

    `keccak256(abi.encode("ComputeHive canary", agent, renter, salt))`. It names the renter since seeds are public: a
    copy of it in another's job is an ordinary seed, so that nobody can have a canary's provider lie to it for the
    penalty.
    """
    values = ["ComputeHive canary", agent, renter, bytes.fromhex(salt[2:])]
    return "0x" + keccak(abi_encode(["string", "address", "address", "bytes32"], values)).hex()
