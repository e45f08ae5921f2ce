"""Everything that the contracts know, rebuilt from their events alone: what a dApp can do without our server."""

from dataclasses import dataclass, field

from marketplace.protocol.enums import CancelKind, ClaimState, Outcome
from marketplace.protocol.packing import GROUP_SIZE, LeaseGroup, LeaseTerms
from tests.contracts.stateful.accounts import quorum_hash
from tests.contracts.stateful.chain import Log
from tests.contracts.stateful.parties import Oracle, Provider, Renter, share_fees, terms_digest

VERDICT, RECEIPT, DEADLINE, CLAIM_RELEASED, DISPUTE_EXPIRED = range(5)
"""`CloseReason` of IEscrow."""


@dataclass
class Known:
    """A lease as `LeasesOpened` told it."""

    terms: LeaseTerms
    number: int
    place: int
    commitment: int


@dataclass
class Rebuilt:
    """The sum of all events so far."""

    treasury: str = "0x" + "00" * 20
    fee_bps: int = 0
    paused: bool = False
    renters: dict[str, Renter] = field(default_factory=dict)
    providers: dict[str, Provider] = field(default_factory=dict)
    oracles: dict[str, Oracle] = field(default_factory=dict)
    covered: dict[str, int] = field(default_factory=dict)
    open_leases: dict[str, int] = field(default_factory=dict)
    leases: dict[str, Known] = field(default_factory=dict)
    groups: dict[int, tuple[int, list[str]]] = field(default_factory=dict)
    words: dict[int, int] = field(default_factory=dict)
    claims: dict[str, tuple[int, ...]] = field(default_factory=dict)
    credits: dict[tuple, int] = field(default_factory=dict)
    committees: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    slashed: int = 0
    parts: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def take(self, log: Log) -> None:
        """Add an event."""
        handler = getattr(self, f"_{log.name}", None)
        if handler:
            handler(log.values, log.timestamp)

    def views(self, wanted: dict) -> dict[tuple, tuple[int, ...]]:
        """What the contracts' views must show; `wanted` says of which accounts."""
        views = {}
        for key in wanted:
            if key[0] == "renter":
                views[key] = self.renter(key[1]).view()
            elif key[0] == "provider":
                counts = self.covered.get(key[1], 0), self.open_leases.get(key[1], 0)
                views[key] = self.provider(key[1]).view(*counts)
            elif key[0] == "bond":
                views[key] = self.provider(key[1]).bond_view(self.covered.get(key[1], 0))
            elif key[0] == "oracle":
                views[key] = self.oracle(key[1]).view()
            elif key[0] in ("fees", "credit"):
                views[key] = (self.credits.get(key, 0),)
        views |= {("group", number): (word,) for number, word in self.words.items()}
        views |= {("claim", lease_id): claim for lease_id, claim in self.claims.items()}
        views |= {("quorum", epoch): (quorum_hash(epoch, *each),) for epoch, each in enumerate(self.committees, 1)}
        views["slashed",] = (self.slashed,)
        views["fee_bps",] = (self.fee_bps,)
        views["paused",] = (int(self.paused),)
        views["treasury",] = (int(self.treasury, 16),)
        return views

    def renter(self, account: str) -> Renter:
        return self.renters.setdefault(account, Renter())

    def provider(self, account: str) -> Provider:
        return self.providers.setdefault(account, Provider())

    def oracle(self, account: str) -> Oracle:
        return self.oracles.setdefault(account, Oracle())

    def _add(self, key: tuple, amount: int) -> None:
        self.credits[key] = self.credits.get(key, 0) + amount

    # --- accounts ------------------------------------------------------------------------------------------

    def _Deposited(self, values: dict, _: int) -> None:
        self.renter(values["account"]).free += values["amount"]

    def _Withdrawn(self, values: dict, _: int) -> None:
        self.renter(values["account"]).free -= values["fromFree"]
        self.provider(values["account"]).withdrawn += values["fromEarned"]

    def _CoverChanged(self, values: dict, _: int) -> None:
        self.provider(values["provider"]).cover = values["cover"]

    def _OrdersCancelled(self, values: dict, _: int) -> None:
        renter, salt = self.renter(values["signer"]), values["salt"]
        if values["kind"] == CancelKind.ASKS_BEFORE:
            provider = self.provider(values["signer"])
            provider.ask_salt = max(provider.ask_salt, salt)
        elif values["kind"] == CancelKind.BIDS_BEFORE:
            renter.void_before(salt)
        elif not renter.is_void(salt):
            renter.use(salt)

    def _FeeChanged(self, values: dict, _: int) -> None:
        self.fee_bps = values["feeBps"]

    def _TreasuryChanged(self, values: dict, _: int) -> None:
        self.treasury = values["treasury"]

    def _OpeningPaused(self, values: dict, _: int) -> None:
        self.paused = values["paused"]

    def _FeesWithdrawn(self, values: dict, _: int) -> None:
        self._add(("fees", values["epoch"]), -values["amount"])

    def _OracleFeeCredited(self, values: dict, _: int) -> None:
        members = self.committees[values["epoch"] - 1][1]
        self._add(("credit", values["epoch"], members.index(values["member"])), -values["amount"])
        self.renter(values["member"]).free += values["amount"]

    # --- leases --------------------------------------------------------------------------------------------

    def _LeasesOpened(self, values: dict, _: int) -> None:
        words = values["terms"]
        terms = tuple(
            LeaseTerms.from_words("0x" + bid_hash.hex(), *words[2 * place : 2 * place + 2])
            for place, bid_hash in enumerate(values["bidHashes"])
        )
        group = LeaseGroup(values["market"], values["group"], terms)
        commitment = int.from_bytes(group.commitment()) & 2**224 - 1
        self.groups[group.number] = (commitment, group.lease_ids())
        self.words[group.number] = commitment << GROUP_SIZE | (1 << len(terms)) - 1
        for place, (lease_id, lease) in enumerate(zip(group.lease_ids(), terms, strict=True)):
            self.leases[lease_id] = Known(lease, group.number, place, commitment)
            renter = self.renter(lease.renter)
            renter.free -= lease.price
            renter.use(lease.salt)
            self.covered[lease.provider] = self.covered.get(lease.provider, 0) + lease.price
            self.open_leases[lease.provider] = self.open_leases.get(lease.provider, 0) + 1

    def _LeasesSettled(self, values: dict, _: int) -> None:
        verdict, fees = 0, 0
        for closed, chosen in zip(values["closed"], values["chosen"], strict=True):
            number = closed >> GROUP_SIZE
            assert number == chosen >> GROUP_SIZE
            for place in (place for place in range(GROUP_SIZE) if chosen >> place & 1):
                word = values["outcomes"][verdict // 3] >> verdict % 3 * 80
                verdict += 1
                if closed >> place & 1:
                    lease_id = self.groups[number][1][place]
                    self._leave(lease_id)
                    fees += self._end(lease_id, Outcome(word >> 64 & 0xFF), word & 2**64 - 1)
        assert verdict == len(values["resultDigests"])
        self._share(values["epoch"], values["signers"], fees)

    def _LeaseClosed(self, values: dict, _: int) -> None:
        lease_id = _hex(values["leaseId"])
        reason, outcome = values["reason"], values["outcome"]
        if reason in (RECEIPT, DEADLINE):
            self._leave(lease_id)
        else:
            self.claims[lease_id] = (int(ClaimState.CLOSED), *self.claims[lease_id][1:])
        lease = self.leases[lease_id].terms
        fee = self._end(lease_id, outcome, values["paid"] + values["fee"], reason == DEADLINE)
        assert self.parts[lease_id] == (values["paid"], values["fee"], values["refund"])
        assert (values["renter"], values["provider"]) == (lease.renter, lease.provider)
        if reason != VERDICT:
            self._add(("fees", 0), fee)

    def _ClaimsSettled(self, values: dict, _: int) -> None:
        self._share(values["epoch"], values["signers"], values["fees"])

    def _Slashed(self, values: dict, _: int) -> None:
        self.renter(values["renter"]).free += values["amount"]
        self.provider(values["provider"]).cover -= values["amount"]

    def _LeaseClaimed(self, values: dict, _: int) -> None:
        lease_id = _hex(values["leaseId"])
        self._leave(lease_id)
        digest = terms_digest(values["first"], values["second"])
        assert (values["first"], values["second"]) == self.leases[lease_id].terms.words()
        self.claims[lease_id] = (int(ClaimState.CLAIMED), values["pay"], values["until"], 0, digest)

    def _LeaseDisputed(self, values: dict, _: int) -> None:
        lease_id = _hex(values["leaseId"])
        _, pay, _, _, digest = self.claims[lease_id]
        self.claims[lease_id] = (int(ClaimState.DISPUTED), pay, values["until"], values["bond"], digest)
        self.renter(values["renter"]).free -= values["bond"]

    def _BondReturned(self, values: dict, _: int) -> None:
        self.renter(values["to"]).free += values["bond"]

    def _leave(self, lease_id: str) -> None:
        """A lease is no longer open in its group."""
        lease = self.leases[lease_id]
        assert self.words[lease.number] >> GROUP_SIZE == lease.commitment
        assert self.words[lease.number] >> lease.place & 1
        self.words[lease.number] &= ~(1 << lease.place)

    def _end(self, lease_id: str, outcome: int, pay: int, late: bool = False) -> int:
        """A lease is over; its fee."""
        lease, provider = self.leases[lease_id].terms, self.provider(self.leases[lease_id].terms.provider)
        assert lease_id not in self.parts
        fee = pay * lease.fee_bps // 10_000
        self.parts[lease_id] = (pay - fee, fee, lease.price - pay)
        self.covered[lease.provider] -= lease.price
        self.open_leases[lease.provider] -= 1
        self.renter(lease.renter).free += lease.price - pay
        provider.earned += pay - fee
        provider.settled += outcome == Outcome.PAID
        provider.failed += outcome == Outcome.FAILED and not late
        provider.expired += late
        provider.frauds += outcome == Outcome.FRAUD
        return fee

    def _share(self, epoch: int, signers: int, fees: int) -> None:
        each, rest = share_fees(fees, signers.bit_count())
        self._add(("fees", epoch), rest)
        for index in range(signers.bit_length()):
            self._add(("credit", epoch, index), each * (signers >> index & 1))

    # --- bonds ---------------------------------------------------------------------------------------------

    def _Staked(self, values: dict, timestamp: int) -> None:
        provider = self.provider(values["provider"])
        provider.since = provider.since or timestamp

    def _Unbonding(self, values: dict, _: int) -> None:
        provider = self.provider(values["provider"])
        provider.unbonding += values["amount"]
        provider.withdrawable_at = values["withdrawableAt"]

    def _StakeWithdrawn(self, values: dict, _: int) -> None:
        self.provider(values["provider"]).unbonding -= values["amount"]

    def _Bonded(self, values: dict, _: int) -> None:
        self.oracle(values["member"]).active += values["amount"]

    def _BondUnbonding(self, values: dict, _: int) -> None:
        oracle = self.oracle(values["member"])
        oracle.active -= values["amount"]
        oracle.unbonding += values["amount"]
        oracle.withdrawable_at = values["withdrawableAt"]

    def _BondWithdrawn(self, values: dict, _: int) -> None:
        self.oracle(values["member"]).unbonding -= values["amount"]

    def _ContradictionReported(self, values: dict, _: int) -> None:
        oracle = self.oracle(values["member"])
        assert oracle.active + oracle.unbonding == values["slashed"]
        self.oracles[values["member"]] = Oracle()
        self.slashed += values["slashed"] - values["reward"]

    def _SlashedSent(self, values: dict, _: int) -> None:
        self.slashed -= values["amount"]

    def _CommitteeChanged(self, values: dict, _: int) -> None:
        self.committees.append((values["threshold"], tuple(values["members"])))
        assert values["epoch"] == len(self.committees)


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
