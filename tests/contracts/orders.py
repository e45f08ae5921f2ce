"""Messages of a test's market with values that can be computed by hand, and the keys that sign them."""

import hashlib
from dataclasses import replace
from functools import cache
from itertools import count
from typing import Any

from eth_account import Account
from eth_account.hdaccount import key_from_seed

from marketplace.protocol.eip712 import Domain, TypedMessage
from marketplace.protocol.enums import CancelKind, Outcome
from marketplace.protocol.messages import Ask, Attestation, Bid, Cancel, Receipt, Verdict
from scripts.toolchain import MNEMONIC
from tests.contracts.batch import Match, OpenLease
from tests.contracts.expect import address_of, now

USDC = 10**6
HOUR = 3600
DAY = 24 * HOUR
TIMELOCK_DELAY = 2 * DAY
ACCOUNTS = 20
PENDING_TOKENS = 1_000 * USDC
"""What every renter and provider holds outside the contracts, approved to both."""
FREE = 100 * USDC
"""What every renter has in the escrow."""
STAKED = 50 * USDC
"""What every provider has staked."""
QUOTE = 302_000
"""What `World.ask` charges for `World.bid`: 200,000 vCPU + 50,000 memory + 50,000 fuel + 2,000 egress."""
PRICE = 400_000
FEE = PRICE // 20
"""5%, the fee from the start."""
RESULT = "0x" + "ab" * 32
NO_PREDECESSOR = bytes(32)
ZERO_ADDRESS = "0x" + "00" * 20
UINT64_MAX = 2**64 - 1
UINT256_MAX = 2**256 - 1


@cache
def keys_by_address() -> dict[str, bytes]:
    """Private keys of ganache's accounts (BIP-39, BIP-44; eth-account refuses this mnemonic, it has no checksum)."""
    seed = hashlib.pbkdf2_hmac("sha512", MNEMONIC.encode(), b"mnemonic", 2048)
    keys = [key_from_seed(seed, f"m/44'/60'/0'/0/{index}") for index in range(ACCOUNTS)]
    return {Account.from_key(key).address: key for key in keys}


class Orders:
    """What renter, provider, agent and oracles of a market sign."""

    domain: Domain
    operator: Any
    stranger: Any
    renter: Any
    provider: Any
    salts: dict[str, Any]

    def next_salt(self, signer: Any) -> int:
        """Counts up for each signer from 1."""
        return next(self.salts.setdefault(address_of(signer), count(1)))

    def ask(self, provider: Any = None, **changes: Any) -> Ask:
        """An ask at hand-computable rates, valid for a day."""
        provider = provider or self.provider
        values = {
            "provider": address_of(provider),
            "market": self.operator.address,
            "agent": self.stranger.address,
            "profile_digest": "0x" + "11" * 32,
            "gpu_hour_rate": 1_000_000,
            "vcpu_hour_rate": 100_000,
            "gb_hour_rate": 50_000,
            "gfuel_rate": 5_000,
            "egress_gb_rate": 20_000,
            "minimum_charge": 1_000,
            "units": 4,
            "valid_until": now() + DAY,
        }
        if "salt" not in changes:
            changes["salt"] = self.next_salt(provider)
        return Ask(**{**values, **changes})

    def bid(self, renter: Any = None, **changes: Any) -> Bid:
        """A bid for 2 vCPUs, 1 GB, one hour, 10 Gfuel and 0.1 GB of egress, due in two hours."""
        renter = renter or self.renter
        values = {
            "renter": address_of(renter),
            "market": self.operator.address,
            "job_digest": "0x" + "22" * 32,
            "gpus": 0,
            "vcpus": 2,
            "memory_mb": 1_000,
            "duration_seconds": HOUR,
            "fuel": 10 * 10**9,
            "egress_mb": 100,
            "max_price": 1_000_000,
            "replicas": 1,
            "verification": 0,
            "settlement": 0,
            "deadline": now() + 2 * HOUR,
            "valid_until": now() + HOUR,
        }
        if "salt" not in changes:
            changes["salt"] = self.next_salt(renter)
        return Bid(**{**values, **changes})

    def sign(self, message: TypedMessage, signer: Any, domain: Domain | None = None) -> bytes:
        """65 bytes by the key of `signer` over `message`."""
        key = keys_by_address()[address_of(signer)]
        return bytes.fromhex(message.sign(domain or self.domain, key)[2:])

    def match(
        self,
        bid: Bid | None = None,
        ask: Ask | None = None,
        price: int = PRICE,
        *,
        signers: tuple[Any, Any] | None = None,
        **changes: Any,
    ) -> Match:
        """A match signed by renter and provider or by `signers` (renter's side first)."""
        bid, ask = bid or self.bid(), ask or self.ask()
        renter, provider = signers or (bid.renter, ask.provider)
        signed = Match(bid, ask, price, "0x" + self.sign(bid, renter).hex(), "0x" + self.sign(ask, provider).hex())
        return replace(signed, **changes)

    def verdict(
        self, lease: OpenLease | str, outcome: int = Outcome.PAID, pay: int = 0, result: str = RESULT
    ) -> Verdict:
        """A verdict about a lease."""
        lease_id = lease if isinstance(lease, str) else lease.id
        return Verdict(lease_id=lease_id, outcome=int(outcome), pay=pay, result_digest=result)

    def receipt(self, lease: OpenLease, pay: int) -> Receipt:
        """A receipt for a lease."""
        return Receipt(lease_id=lease.id, pay=pay, result_digest=RESULT)

    def cancel_message(self, signer: Any, salt: int, kind: CancelKind = CancelKind.BID) -> Cancel:
        """A cancel of `signer`."""
        return Cancel(signer=address_of(signer), kind=int(kind), salt=salt)

    def attestation(self, lease: OpenLease, **changes: Any) -> Attestation:
        """What an agent says about a lease whose program ended by itself."""
        values = {
            "lease_id": lease.id,
            "job_digest": lease.bid.job_digest,
            "result_digest": RESULT,
            "fuel": 9 * 10**9,
            "wall_seconds": 60,
            "egress_bytes": 10**6,
            "exit_kind": 0,
            "exit_code": 0,
            "sandbox_digest": "0x" + "55" * 32,
            "started_at": now(),
            "finished_at": now() + 60,
        }
        return Attestation(**{**values, **changes})
