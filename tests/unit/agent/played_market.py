"""A market and a chain whose answers a test plays, and the keys of those who talk to them."""

from eth_account import Account

from marketplace.client.transport import MOST_BYTES
from marketplace.domain.chain import BlockRef, ClaimView, Committee, ProviderAccount
from marketplace.errors import ConflictError, NotFound, ServiceUnavailable
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import ClaimState
from marketplace.protocol.messages import VerdictSeal
from marketplace.protocol.packing import LeaseGroup, LeaseTerms

DOMAIN = Domain(1337, "0x" + "ee" * 20)
PROVIDER, AGENT, ORACLE, OTHER, THIRD = (Account.from_key(bytes([n]) * 32) for n in (1, 2, 3, 4, 5))


def sealed_by(lease_id):
    """How another oracle's seal of a lease looks; whatever is in it."""

    def seal(account):
        message = VerdictSeal(lease_id=lease_id, commitment="0x" + "77" * 32)
        return {
            "oracle": account.address,
            "seal": message.to_json(),
            "sealSignature": message.sign(DOMAIN, account.key),
        }

    return seal


def transcript_of(terms):
    """As much of a round's transcript as agents look at."""
    match = {"bidHash": terms.bid.struct_hash(), "askHash": terms.ask.struct_hash(), "price": str(terms.price)}
    return {"round": terms.round, "matches": [match]}


def _refusal(post, *given):
    """As a market answers each of several: one that is refused keeps no other out."""
    try:
        post(*given)
    except ConflictError as error:
        return error
    return None


class PlayedChain:
    """What the chain says about a provider's lease, and what the provider sends to it; a test changes the fields."""

    def __init__(self):
        lease = LeaseTerms("0x" + "b1" * 32, AGENT.address, PROVIDER.address, 150_000, 500, 9, 1)
        self.group, self.ask_salt, self.gas, self.open_places = LeaseGroup(ORACLE.address, 7, (lease,)), 0, 1, (0,)
        self.claim_state, self.claim_states, self.refusal = ClaimState.NONE, {}, None
        self.accepted, self.claimed, self.released, self.expired = [], [], [], []
        self.claim_until, self.asked, self.opened_at = 0, 0, 0

    def provider_account(self, provider):
        return ProviderAccount(0, 0, 0, 0, self.ask_salt, 0, 0, 0, 0, 0)

    def committee(self):
        return Committee(1, 2, tuple(sorted((ORACLE.address, OTHER.address, THIRD.address))))

    def block(self, number):
        return BlockRef(number, "0x1", self.opened_at)

    def was_agent(self, provider, agent, at):
        return False

    def has_code(self, account):
        return False

    def gas_balance(self, account):
        return self.gas

    def is_open(self, group, place):
        return place in self.open_places

    def find_group(self, lease_id):
        return self.group, 0

    def claim(self, *given):
        if len(given) == 1:
            self.asked += 1
            return ClaimView(self.claim_states.get(given[0], self.claim_state), 5, self.claim_until, 0)
        group, place, pay, attestation, agent, signature = given
        if self.refusal is not None:
            raise self.refusal
        assert attestation.recover(DOMAIN, signature) == AGENT.address
        self.claimed.append((group, place, pay, attestation, agent))
        self.claim_states[attestation.lease_id] = ClaimState.CLAIMED

    def accept(self, group, place, receipt, signature):
        self.accepted.append((group, place, receipt))

    def release(self, lease):
        self.released.append(lease)

    def expire_dispute(self, lease):
        self.expired.append(lease)


class PlayedMarket:
    """What a market answers; a test changes the fields."""

    def __init__(self, terms):
        self.terms, self.posted, self.blobs, self.asks, self.cancels = terms, [], {}, [], []
        self.reports = []
        self.receipt, self.claimed, self.proposed, self.verdicts, self.signed = None, [], [], [], []
        self.evidence, self.away, self.group = None, False, None
        self.round = transcript_of(terms)
        self.sealed, self.others, self.is_open = {}, [OTHER], True

    def _answer(self):
        if self.away:
            raise ServiceUnavailable("away")

    def lease_terms(self, lease_id):
        self._answer()
        return self.terms

    def post_ask(self, ask, signature, node):
        self._answer()
        assert ask.recover(DOMAIN, signature) == PROVIDER.address
        self.asks.append(ask)
        return {"askHash": ask.struct_hash()}

    def cancel(self, cancel, signature):
        self.cancels.append(cancel)

    def has_blob(self, digest):
        return digest in self.blobs

    def put_blob(self, data, digest):
        self._answer()
        self.blobs[digest] = data

    def get_blob(self, digest, size=MOST_BYTES):
        if digest not in self.blobs:
            raise NotFound("blob", digest)
        return self.blobs[digest]

    def post_attestation(self, lease_id, attestation, signature, manifest, usage=None, sealed=None):
        assert attestation.recover(DOMAIN, signature) == AGENT.address
        assert usage is None or usage.report.recover(DOMAIN, usage.signature) == AGENT.address
        self.reports.append(usage)
        self.posted.append(attestation)

    def lease(self, lease_id):
        self._answer()
        return {"leaseId": lease_id, "receipt": self.receipt, "group": self.group}

    def claims(self, oracle):
        return self.claimed

    def attestation(self, lease_id):
        if self.evidence is None:
            raise NotFound("attestation", lease_id)
        return self.evidence

    def transcript(self, number):
        if self.round is None or number != self.round["round"]:
            raise NotFound("round", str(number))
        return self.round

    def post_seal(self, seal, oracle, signature):
        self._answer()
        assert seal.recover(DOMAIN, signature) == ORACLE.address
        known = self.sealed.setdefault(seal.lease_id, (seal, signature))
        assert known[0] == seal, "a lease is sealed once"

    def post_seals(self, oracle, seals):
        return [_refusal(self.post_seal, seal, oracle, signature) for seal, signature in seals]

    def post_reveals(self, oracle, reveals):
        return [_refusal(self.post_reveal, reveal, oracle, signature) for reveal, signature in reveals]

    def reveals(self, oracle):
        """What the oracle sealed and has not revealed, beside the seals of `others`, once `is_open`."""
        revealed = {one.lease_id for one in self.verdicts}
        asked = [lease for lease in self.sealed if self.is_open and lease not in revealed]
        return [{"leaseId": lease, "seals": [self._own(lease), *map(sealed_by(lease), self.others)]} for lease in asked]

    def _own(self, lease):
        seal, signature = self.sealed[lease]
        return {"oracle": ORACLE.address, "seal": seal.to_json(), "sealSignature": signature}

    def post_reveal(self, reveal, oracle, signature):
        self._answer()
        assert reveal.recover(DOMAIN, signature) == ORACLE.address
        assert reveal.commitment(oracle) == self.sealed[reveal.lease_id][0].commitment
        self.verdicts.append(reveal.verdict)

    def batches(self, oracle):
        return self.proposed

    def sign_batch(self, digest, oracle, signature):
        self.signed.append((digest, signature))
