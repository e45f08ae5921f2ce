"""A market whose answers a test plays, and the keys of those who talk to it."""

from eth_account import Account

from marketplace.errors import NotFound, ServiceUnavailable
from marketplace.protocol.eip712 import Domain

DOMAIN = Domain(1337, "0x" + "ee" * 20)
PROVIDER, AGENT, ORACLE = (Account.from_key(bytes([n]) * 32) for n in (1, 2, 3))


class PlayedMarket:
    """What a market answers; a test changes the fields."""

    def __init__(self, terms):
        self.terms, self.posted, self.blobs, self.asks, self.cancels = terms, [], {}, [], []
        self.receipt, self.claimed, self.proposed, self.verdicts, self.signed = None, [], [], [], []
        self.evidence, self.away = None, False

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
        return {"receipt": self.receipt}

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
