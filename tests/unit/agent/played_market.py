"""A market and a chain whose answers a test plays, and the keys of those who talk to them."""

from eth_account import Account

from marketplace.domain.chain import ClaimView, ProviderAccount
from marketplace.errors import NotFound, ServiceUnavailable
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import ClaimState
from marketplace.protocol.packing import LeaseGroup, LeaseTerms

DOMAIN = Domain(1337, "0x" + "ee" * 20)
PROVIDER, AGENT, ORACLE = (Account.from_key(bytes([n]) * 32) for n in (1, 2, 3))


class PlayedChain:
    """What the chain says about a provider's lease, and what the provider sends to it; a test changes the fields."""

    def __init__(self):
        lease = LeaseTerms("0x" + "b1" * 32, AGENT.address, PROVIDER.address, 150_000, 500, 9, 1)
        self.group, self.ask_salt, self.gas, self.open_places = LeaseGroup(ORACLE.address, 7, (lease,)), 0, 1, (0,)
        self.claim_state, self.refusal = ClaimState.NONE, None
        self.accepted, self.claimed, self.released = [], [], []

    def provider_account(self, provider):
        return ProviderAccount(0, 0, 0, 0, self.ask_salt, 0, 0, 0, 0, 0)

    def is_agent(self, provider, agent):
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
            return ClaimView(self.claim_state, 5, 0, 0)
        group, place, pay, attestation, agent, signature = given
        if self.refusal is not None:
            raise self.refusal
        assert attestation.recover(DOMAIN, signature) == AGENT.address
        self.claimed.append((group, place, pay, attestation, agent))

    def accept(self, group, place, receipt, signature):
        self.accepted.append((group, place, receipt))

    def release(self, lease):
        self.released.append(lease)


class PlayedMarket:
    """What a market answers; a test changes the fields."""

    def __init__(self, terms):
        self.terms, self.posted, self.blobs, self.asks, self.cancels = terms, [], {}, [], []
        self.receipt, self.claimed, self.proposed, self.verdicts, self.signed = None, [], [], [], []
        self.evidence, self.away, self.group = None, False, None

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

    def post_attestation(self, lease_id, attestation, signature, manifest):
        assert attestation.recover(DOMAIN, signature) == AGENT.address
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

    def post_verdict(self, verdict, oracle, signature):
        self._answer()
        assert verdict.recover(DOMAIN, signature) == ORACLE.address
        self.verdicts.append(verdict)

    def batches(self, oracle):
        return self.proposed

    def sign_batch(self, digest, oracle, signature):
        self.signed.append((digest, signature))
