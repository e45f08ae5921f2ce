"""What a provider gets for taking something else than what the chain has: nothing, and for a lie less than that."""

from dataclasses import replace

import pytest

from agent.adapters.wasm import WasmAdapter
from agent.runtimes import ModuleCache
from agent.sandbox import Sandbox
from agent.upstream import Upstream
from agent.work import JobRunner
from marketplace.client.terms import LeaseTerms
from marketplace.domain.chain import ChainEvent
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind, Outcome
from marketplace.protocol.jobspec import InputFile
from tests.unit.agent.test_oracle import claim, honest, judge, make_oracle
from tests.unit.agent.test_upstream import (
    FALSE,
    FIRST,
    GOOD,
    GOOD_LEASE,
    MADE,
    Chain,
    Relay,
    lease_of,
    opened,
    settled,
    taking,
)
from tests.unit.agent.test_work import FILES


def oracle_of(market, folder, terms: LeaseTerms, *before: ChainEvent):
    """An oracle with its own sandbox that follows its own chain, and whatever the market relays."""
    chain, relay = Chain(*before, lease_of(terms, 4)), Relay(**{GOOD_LEASE: MADE})
    upstream, sandbox = Upstream(chain, relay), Sandbox()
    held = FILES | {sha256_digest(one): one for one in (GOOD, FALSE)}
    adapters = {"wasm": WasmAdapter(sandbox, ModuleCache(sandbox))}
    run = JobRunner(adapters, held.__getitem__, resolve=upstream.resolve)
    return make_oracle(market, folder, runner=run, upstream=upstream), run


def signed_terms(terms: LeaseTerms, spec_terms: LeaseTerms) -> LeaseTerms:
    """The test market's terms, for another job."""
    return replace(terms, job_spec=spec_terms.job_spec, bid=spec_terms.bid)


@pytest.mark.parametrize(("data", "outcome"), [(GOOD, Outcome.PAID), (FALSE, Outcome.FRAUD)])
def test_an_oracle_takes_what_the_chain_has_and_finds_who_took_something_else(
    market, terms, tmp_path, monkeypatch, data, outcome
):
    """The provider ran the right program on an input of its own choice."""
    script = b"open('r', 'w').write(open('m').read())"
    monkeypatch.setitem(FILES, sha256_digest(script), script)
    files = [InputFile(path="s.py", digest=sha256_digest(script), size=len(script))]
    taken = taking()
    spec = taken.job_spec.model_copy(update={"inputs": tuple(files)})
    bid = taken.bid.model_copy(update={"job_digest": spec.digest()})
    market.terms = played = replace(terms, job_spec=spec, bid=bid)
    market.round["matches"][0]["bidHash"] = bid.struct_hash()
    oracle, run = oracle_of(market, tmp_path, played, opened(FIRST, GOOD_LEASE, 2), settled(3, Outcome.PAID))
    wanted = InputFile(path="m", digest=sha256_digest(data), size=len(data))
    chosen = spec.model_copy(update={"inputs": (*files, wanted), "workflow": None})
    ran = run(replace(played, job_spec=chosen))
    assert ran.exit_kind is ExitKind.EXITED
    values = {"fuel": ran.fuel_used, "result_digest": ran.result_digest, "egress_bytes": ran.manifest.egress_bytes}
    claim(market, oracle, played, honest(played, **values))
    market.evidence["manifest"] = ran.manifest.to_json()
    judge(oracle)
    assert [one.outcome for one in market.verdicts] == [outcome]


def test_an_oracle_pays_nothing_for_a_job_that_was_opened_too_early(market, terms, tmp_path):
    """A provider that a market lets run before its time, on whatever input, and that attests an end."""
    market.terms = played = signed_terms(terms, taking())
    market.round["matches"][0]["bidHash"] = played.bid.struct_hash()
    oracle, _ = oracle_of(market, tmp_path, played)
    claim(market, oracle, played, honest(played))
    judge(oracle)
    assert [(one.outcome, one.pay) for one in market.verdicts] == [(Outcome.FAILED, 0)]
