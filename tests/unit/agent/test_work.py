"""What agents check before they run, and what oracles decide after."""

from contextlib import nullcontext
from dataclasses import replace

import pytest
from eth_utils import to_checksum_address

from agent.adapters.wasm import WasmAdapter
from agent.runtimes import RUNTIMES, ModuleCache
from agent.sandbox import Sandbox
from agent.verdict import Abstain, decide
from agent.work import Execution, JobRunner, check_ask, check_terms, limits_of
from marketplace.client.terms import LeaseTerms
from marketplace.domain.chain import EventOrigin, LeaseOpened
from marketplace.errors import InvalidSignature, MalformedMessage, NotFound, ServiceUnavailable
from marketplace.protocol.canonical import json_digest, sha256_digest
from marketplace.protocol.enums import ExitKind, Outcome
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.protocol.messages import Attestation
from tests.unit.agent.played_market import AGENT, DOMAIN, ORACLE, PROVIDER, transcript_of
from tests.unit.clearing.market import ask, bid, profile

SCRIPT = b"open('r', 'w').write(open('d').read() * 2); print('ran')"
NODE = profile(tees=["sgx", "tdx"])
FILES = {sha256_digest(SCRIPT): SCRIPT, sha256_digest(b"ab"): b"ab"}


def script_spec(**changes) -> JobSpec:
    python = RUNTIMES["python"]
    return JobSpec.parse(
        {
            "program": {"kind": "runtime", "name": "python", "digest": python.digest, "script": "s.py"},
            "inputs": [
                {"path": "s.py", "digest": sha256_digest(SCRIPT), "size": len(SCRIPT)},
                {"path": "d", "digest": sha256_digest(b"ab"), "size": 2},
            ],
        }
        | changes
    )


def lease_terms(spec: JobSpec | None = None) -> LeaseTerms:
    spec = spec or script_spec()
    placed = bid(job_spec=spec, fuel=10**10, memory_mb=256, duration_seconds=60, egress_mb=1)
    offered = ask(1, node=NODE)
    return LeaseTerms(placed.bid, "0x", offered.ask, "0x", 150_000, spec, round=7, profile=NODE)


def lease_event(terms: LeaseTerms) -> LeaseOpened:
    return LeaseOpened(
        origin=EventOrigin(1, "0x1", "0x2", 0), lease_id="0x" + "11" * 32, renter=terms.bid.renter,
        provider=terms.ask.provider, market=terms.bid.market, bid_hash=terms.bid.struct_hash(), price=terms.price,
        fee_bps=500, deadline=terms.bid.deadline, salt=terms.bid.salt, group=0, place=0,
        round_digest=json_digest(transcript_of(terms)),
    )  # fmt: skip


def runner(files=None) -> JobRunner:
    held = FILES if files is None else files

    def fetch(digest: str) -> bytes:
        if digest not in held:
            raise NotFound("blob", digest)
        return held[digest]

    return wasm_runner(fetch)


def wasm_runner(fetch) -> JobRunner:
    sandbox = Sandbox()
    return JobRunner({"wasm": WasmAdapter(sandbox, ModuleCache(sandbox))}, fetch)


def attest(own: Execution, **changes) -> Attestation:
    values = {
        "lease_id": "0x" + "11" * 32, "job_digest": "0x" + "22" * 32, "result_digest": own.result_digest,
        "fuel": own.fuel_used, "wall_seconds": 0, "egress_bytes": own.manifest.egress_bytes,
        "exit_kind": own.exit_kind, "exit_code": own.exit_code, "sandbox_digest": "0x" + "33" * 32, "started_at": 0,
        "finished_at": 0,
    } | changes  # fmt: skip
    return Attestation(**values)


def ended(kind: ExitKind = ExitKind.EXITED, **changes) -> Execution:
    manifest = Manifest.build([ManifestEntry.of("log/stdout", b"x" * 100)])
    return replace(Execution(kind, 0, 10**9, 0.1, manifest, {}), **changes)


# --- terms ------------------------------------------------------------------------------------------------------------


def test_terms_that_the_chain_locked_money_for_are_accepted():
    terms = lease_terms()
    check_terms(lease_event(terms), terms)


@pytest.mark.parametrize(
    ("field", "tamper"),
    [
        ("bid", lambda t: replace(t, bid=t.bid.model_copy(update={"renter": t.bid.market}))),
        ("ask", lambda t: replace(t, ask=t.ask.model_copy(update={"provider": t.bid.market}))),
        ("ask", lambda t: replace(t, ask=t.ask.model_copy(update={"market": t.ask.provider}))),
        ("ask", lambda t: replace(t, ask=t.ask.model_copy(update={"minimum_charge": t.price + 1}))),
        ("jobSpec", lambda t: replace(t, job_spec=script_spec(name="another"))),
        ("price", lambda t: replace(t, price=t.price + 1)),
    ],
)
def test_terms_that_differ_from_the_chain_are_refused_by_field(field, tamper):
    terms = lease_terms()
    with pytest.raises(MalformedMessage, match=rf"terms\.{field}"):
        check_terms(lease_event(terms), tamper(terms))


class Signers:
    """A chain where one provider has delegated to its agent until block 9, and one is a contract that takes one
    signature."""

    def was_agent(self, provider, agent, at):
        return (provider, agent) == (PROVIDER.address, AGENT.address) and at.block_number < 9

    def has_code(self, account):
        return account == CONTRACT

    def is_valid_contract_signature(self, account, digest, signature):
        return signature == "0xc0de"


CONTRACT = to_checksum_address("0x" + "c0" * 20)


@pytest.mark.parametrize(
    ("provider", "signer", "holds"),
    [
        (PROVIDER.address, PROVIDER, True),
        (PROVIDER.address, AGENT, True),
        (PROVIDER.address, ORACLE, False),
        (ORACLE.address, AGENT, False),
        (CONTRACT, "0xc0de", True),
        (CONTRACT, "0xbad0", False),
        (CONTRACT, PROVIDER, False),
    ],
)
def test_ask_must_be_signed_by_its_provider_or_a_delegated_agent(provider, signer, holds):
    offered = lease_terms().ask.model_copy(update={"provider": provider, "agent": AGENT.address})
    signature = signer if isinstance(signer, str) else offered.sign(DOMAIN, signer.key)
    terms = replace(lease_terms(), ask=offered, ask_signature=signature)
    with nullcontext() if holds else pytest.raises(InvalidSignature):
        check_ask(Signers(), DOMAIN, terms, lease_event(terms))


@pytest.mark.parametrize(("block", "holds"), [(8, True), (9, False)])
def test_agent_must_have_been_delegated_when_the_lease_opened_whatever_it_is_now(block, holds):
    offered = lease_terms().ask.model_copy(update={"provider": PROVIDER.address, "agent": AGENT.address})
    terms = replace(lease_terms(), ask=offered, ask_signature=offered.sign(DOMAIN, AGENT.key))
    event = replace(lease_event(terms), origin=EventOrigin(block, "0x1", "0x2", 0))
    with nullcontext() if holds else pytest.raises(InvalidSignature):
        check_ask(Signers(), DOMAIN, terms, event)


# --- running ----------------------------------------------------------------------------------------------------------


def test_job_runs_and_every_blob_of_its_manifest_is_there():
    done = runner()(lease_terms())
    assert {entry.path for entry in done.manifest.entries} == {"out/r", "log/stdout", "log/stderr"}
    assert {entry.digest for entry in done.manifest.entries} == set(done.blobs)
    assert b"abab" in done.blobs.values()


@pytest.mark.parametrize(
    ("files", "reason"),
    [({}, "No blob"), (FILES | {sha256_digest(b"ab"): b"other"}, "hash to")],
)
def test_input_that_is_missing_or_false_ends_in_an_attested_failure(files, reason):
    done = runner(files)(lease_terms())
    assert done.exit_kind is ExitKind.SANDBOX_ERROR
    assert reason in done.detail
    assert [entry.path for entry in done.manifest.entries] == ["log/stderr"]


def test_unknown_runtime_and_module_that_is_not_wasm_end_in_an_attested_failure():
    unknown = {"kind": "runtime", "name": "cobol", "digest": "0x" + "44" * 32, "script": "s.py"}
    assert runner()(lease_terms(script_spec(program=unknown))).exit_kind is ExitKind.SANDBOX_ERROR
    text = {"kind": "module", "digest": sha256_digest(b"ab"), "size": 2}
    done = runner()(lease_terms(script_spec(program=text)))
    assert (done.exit_kind, "Not WebAssembly" in done.detail) == (ExitKind.SANDBOX_ERROR, True)


def test_market_that_is_away_is_not_the_jobs_failure():
    def away(digest: str) -> bytes:
        raise ServiceUnavailable("away")

    with pytest.raises(ServiceUnavailable):
        wasm_runner(away)(lease_terms())


def test_job_for_a_sandbox_that_this_machine_has_not_is_refused_by_name():
    image = {"kind": "container", "digest": sha256_digest(b"ab"), "size": 2}
    done = runner()(lease_terms(script_spec(sandbox="docker", program=image)))
    assert (done.exit_kind, "docker" in done.detail, done.fuel_used) == (ExitKind.SANDBOX_ERROR, True, 0)


def test_bid_becomes_sandbox_limits():
    limits = limits_of(lease_terms().bid, wall_factor=4)
    assert (limits.fuel, limits.memory_bytes, limits.wall_seconds, limits.egress_bytes) == (
        10**10,
        256_000_000,
        240,
        1_000_000,
    )


# --- verdicts ---------------------------------------------------------------------------------------------------------


def judge(attestation: Attestation, own: Execution | None):
    terms = lease_terms()
    return decide(attestation, own, terms.bid, terms.ask, terms.price)


def test_reproduced_result_is_paid_by_fuel():
    full, tenth = ended(fuel_used=10**10), ended(fuel_used=10**9)
    assert judge(attest(full), full).outcome == judge(attest(tenth), tenth).outcome == Outcome.PAID
    assert judge(attest(tenth), tenth).pay < judge(attest(full), full).pay <= 150_000


@pytest.mark.parametrize(
    "lie",
    [
        {"result_digest": "0x" + "66" * 32},
        {"fuel": 2 * 10**9},
        {"exit_code": 1},
        {"exit_kind": ExitKind.TRAP},
        {"egress_bytes": 99},
    ],
)
def test_any_difference_is_fraud_and_pays_nothing(lie):
    verdict = judge(attest(ended(), **lie), ended())
    assert (verdict.outcome, verdict.pay) == (Outcome.FRAUD, 0)


@pytest.mark.parametrize("kind", [ExitKind.OUT_OF_FUEL, ExitKind.MEMORY_LIMIT, ExitKind.TRAP, ExitKind.OUTPUT_LIMIT])
def test_reproduced_failure_is_refunded_without_blame(kind):
    verdict = judge(attest(ended(kind)), ended(kind))
    assert (verdict.outcome, verdict.pay) == (Outcome.FAILED, 0)


@pytest.mark.parametrize("kind", [ExitKind.TIMEOUT, ExitKind.SANDBOX_ERROR])
def test_end_that_cannot_be_reproduced_is_refunded_without_a_run(kind):
    assert judge(attest(ended(kind)), None).outcome == Outcome.FAILED


@pytest.mark.parametrize("own", [None, ended(ExitKind.TIMEOUT), ended(ExitKind.SANDBOX_ERROR)])
def test_oracle_whose_own_run_did_not_end_abstains(own):
    with pytest.raises(Abstain):
        judge(attest(ended()), own)


# --- at rest ----------------------------------------------------------------------------------------------------------


def test_runtimes_that_are_compiled_already_stay_on_disk_until_a_job_wants_one():
    sandbox = Sandbox()
    for runtime in RUNTIMES.values():
        ModuleCache(sandbox).get(runtime.digest, runtime.wasm)
    cache = ModuleCache(sandbox)
    WasmAdapter(sandbox, cache).warm()
    assert cache._loaded == {}
    assert all(cache.find(runtime.digest) for runtime in RUNTIMES.values())
