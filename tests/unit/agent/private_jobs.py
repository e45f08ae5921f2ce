"""A private job, a market that passes its keys on, and those who give and take them."""

from dataclasses import replace

from eth_account import Account

from agent.private import NodeKeys, OracleKeys
from marketplace.client.age import new_identity, recipient_of
from marketplace.client.jobs import PreparedJob
from marketplace.client.private import JobKey, make_grant, seal_job
from marketplace.client.terms import LeaseTerms
from marketplace.protocol.enums import Verification
from tests.unit.agent.played_market import AGENT, DOMAIN, ORACLE, PlayedChain
from tests.unit.agent.test_work import FILES, lease_terms, script_spec

RENTER, STRANGER = (Account.from_key(bytes([n]) * 32) for n in (41, 42))
NODE, JUDGE = new_identity(), new_identity()
SANDBOX = "0x" + "5b" * 32
"""In which oracles say that they run jobs again."""


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        self.now += 1  # every look takes a second, so that whoever waits gets there
        return self.now


class Market:
    """Passes grants and keys on, as they are."""

    def __init__(self) -> None:
        self.given: list[dict] = []
        self.keys: list[dict] = []

    def post_grant(self, grant, signature, ciphertext):
        self.given.append({"grant": grant.to_json(), "signature": signature, "ciphertext": "0x" + ciphertext.hex()})

    def grants(self, job_id, holder):
        return [one for one in self.given if (one["grant"]["jobId"], one["grant"]["holder"]) == (job_id, holder)]

    def post_oracle_key(self, offer, signature):
        self.keys.append({"offer": offer.to_json(), "signature": signature})

    def oracle_keys(self):
        return self.keys


def job(key: JobKey, **changes) -> PreparedJob:
    return seal_job(PreparedJob(script_spec(**changes), FILES), key)


def terms_of(prepared: PreparedJob, verification=Verification.ACCEPT) -> LeaseTerms:
    terms = lease_terms(prepared.spec)
    bid = terms.bid.model_copy(update={"renter": RENTER.address, "verification": int(verification)})
    return replace(terms, bid=bid, ask=terms.ask.model_copy(update={"agent": AGENT.address}))


def node(market: Market, **options) -> NodeKeys:
    fields = {"client": market, "chain": PlayedChain(), "domain": DOMAIN, "agent": AGENT, "identity": NODE}
    return NodeKeys(**fields | {"now": Clock(), "pause": 0} | options)


def oracle(market: Market, account=ORACLE, identity=JUDGE) -> OracleKeys:
    return OracleKeys(client=market, domain=DOMAIN, account=account, identity=identity, sandbox=SANDBOX, now=Clock())


def give(market, terms, key, *, signer=RENTER, holder=AGENT.address, to=NODE, job_id=None) -> None:
    grant, ciphertext = make_grant(key, job_id or terms.bid.struct_hash(), holder, recipient_of(to), granted_at=1_000)
    market.post_grant(grant, grant.sign(DOMAIN, signer.key), ciphertext)
