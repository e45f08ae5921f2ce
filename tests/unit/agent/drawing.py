"""What tests of random audits have in common: a played market that hands on draws, and the other members' part."""

from dataclasses import replace

from agent.audits import WAIT_SECONDS, Audits
from agent.journal import Journal
from agent.oracle import OracleDaemon
from marketplace.protocol.audits import Audit, AuditSeal, AuditShare, Draw, compute_commitment, is_drawn
from marketplace.protocol.canonical import sha256_digest
from tests.unit.agent.played_market import DOMAIN, ORACLE, OTHER, THIRD, PlayedChain, transcript_of
from tests.unit.agent.test_oracle import claim, honest, judge
from tests.unit.agent.test_work import ended, lease_terms, script_spec

MEMBERS = PlayedChain().committee().members


def share(number: int) -> str:
    return f"0x{number:064x}"


RATE = 500_000
OWN = share(7)
START = 1_000
TEXT = b"x" * 100


class PlayedDraws:
    """The draws of a played market: what was posted, and what a test adds in others' names."""

    def __init__(self):
        self.seals, self.shares, self.refusal = {}, {}, None

    def audit(self, lease_id):
        if self.refusal is not None:
            raise self.refusal
        return {"seals": list(self.seals.values()), "shares": list(self.shares.values())}

    def post_audit_seal(self, seal, oracle, signature):
        assert seal.recover(DOMAIN, signature) == oracle == ORACLE.address
        self.seals[oracle] = {"oracle": oracle, "seal": seal.to_json(), "sealSignature": signature}

    def post_audit_share(self, share, oracle, signature):
        assert share.recover(DOMAIN, signature) == oracle == ORACLE.address
        self.shares[oracle] = {"oracle": oracle, "share": share.to_json(), "shareSignature": signature}

    def seal(self, account, draw: Draw, share: str, **changes) -> None:
        """Another member's seal of a share; `changes` in its message."""
        commitment = compute_commitment(account.address, draw.lease_id, draw.attestation, share)
        fields = {"lease_id": draw.lease_id, "attestation": draw.attestation, "commitment": commitment}
        self.seals[account.address] = sealed(account, AuditSeal(**fields | changes))

    def show(self, account, draw: Draw, given: str, **changes) -> None:
        """Another member's share, for the seals that are here; `changes` in its message."""
        seals = draw.seals_digest(draw.read_seals(list(self.seals.values())))
        fields = {"lease_id": draw.lease_id, "attestation": draw.attestation, "seals": seals, "share": given}
        self.shares[account.address] = shown(account, AuditShare(**fields | changes))


def sealed(account, message: AuditSeal) -> dict:
    return {
        "oracle": account.address,
        "seal": message.to_json(),
        "sealSignature": message.sign(DOMAIN, account.key),
    }


def shown(account, message: AuditShare) -> dict:
    return {
        "oracle": account.address,
        "share": message.to_json(),
        "shareSignature": message.sign(DOMAIN, account.key),
    }


def find_share(draw: Draw, own: str, *, drawn: bool, rate_ppm: int) -> str:
    """A third share with which the draw falls as wanted, beside `own` and `share(1)` of `OTHER`."""
    for number in range(2, 1_000):
        shares = {ORACLE.address: own, OTHER.address: share(1), THIRD.address: share(number)}
        if is_drawn(draw.compute(shares), rate_ppm) is drawn:
            return share(number)
    raise AssertionError("no share was found")


class Scene:
    """One oracle, one lease whose job has a rate of audits, a market that hands on draws, and a clock."""

    def __init__(self, market, terms, folder, **attested):
        self.market, self.terms, self.folder = market, terms, folder
        self.draws, self.now, self.runs = PlayedDraws(), START, 0
        for name in ("audit", "post_audit_seal", "post_audit_share"):
            setattr(market, name, getattr(self.draws, name))
        market.blobs[sha256_digest(TEXT)] = TEXT
        self.oracle = self.started()
        self.attestation = honest(terms, **attested)
        self.event = claim(market, self.oracle, terms, self.attestation)

    def started(self, entropy=lambda count: bytes.fromhex(OWN[2:])) -> OracleDaemon:
        """The oracle as a new process finds it: the same journal."""
        journal = Journal(self.folder / "oracle")
        oracle = OracleDaemon(
            client=self.market, chain=PlayedChain(), domain=DOMAIN, account=ORACLE, runner=self.run, journal=journal
        )
        oracle._audits = Audits(
            self.market, PlayedChain(), DOMAIN, ORACLE, journal, entropy=entropy, clock=lambda: self.now
        )
        return oracle

    def run(self, terms, hooks=None):
        self.runs += 1
        return ended()

    @property
    def draw(self) -> Draw:
        return Draw(DOMAIN, MEMBERS, self.event.lease_id, self.attestation.digest(DOMAIN))

    def others_seal(self, third: str) -> None:
        self.draws.seal(OTHER, self.draw, share(1))
        self.draws.seal(THIRD, self.draw, third)

    def others_show(self, third: str) -> None:
        self.draws.show(OTHER, self.draw, share(1))
        self.draws.show(THIRD, self.draw, third)

    def judge(self, times: int = 1) -> None:
        for _ in range(times):
            judge(self.oracle)

    def wait(self, seconds: int = WAIT_SECONDS) -> None:
        self.now += seconds

    def third(self, *, drawn: bool) -> str:
        return find_share(self.draw, OWN, drawn=drawn, rate_ppm=RATE)

    def play(self, third: str) -> None:
        """The whole draw, as honest members take part in it."""
        self.judge()
        self.others_seal(third)
        self.judge()
        self.others_show(third)
        self.judge()


def audited(terms, rate: int = RATE):
    spec = script_spec(audit=Audit(rate_ppm=rate))
    bid = lease_terms(spec).bid.model_copy(update={"deadline": START + 3_600})
    return replace(terms, job_spec=spec, bid=bid)


def scene_of(market, terms, folder, **attested) -> Scene:
    """`attested`: fields of the attestation that differ from an honest one."""
    market.terms, market.round = terms, transcript_of(terms)
    return Scene(market, terms, folder, **attested)
