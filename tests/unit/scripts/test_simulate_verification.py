"""What the page on verification derives is what leases played by the rules in use come to."""

from dataclasses import replace

import pytest

from marketplace.protocol.audits import ALL_PPM, LEAST_RATE_PPM
from marketplace.protocol.enums import Outcome
from scripts.simulate import economics
from scripts.simulate.economics import Deal, Seat
from scripts.simulate.rules import Oracle, attested, judge, provider_gets, signer_gets, vote
from scripts.simulate.verification import (
    Measured,
    Scenario,
    all_scenarios,
    drawn,
    main,
    measure,
    outvoted,
    reexecuted,
    replicated,
    seated,
)

LEASES, SEED = 4_000, 7
DEAL = Deal()
DEALS = [DEAL, Deal(cost=100_000), Deal(cost=900_000, future=250_000), Deal(penalty=4_000_000)]


@pytest.mark.parametrize("scenario", all_scenarios(), ids=lambda one: one.title)
def test_the_formula_lies_within_what_is_played(scenario):
    found = measure(scenario, LEASES, SEED)
    assert found.agrees, f"{found.mean} ± {found.margin}, not {scenario.formula}"


@pytest.mark.parametrize("deal", DEALS)
@pytest.mark.parametrize("lazy", [0.0, 0.5])
@pytest.mark.parametrize("audited", [1.0, 0.4])
def test_the_formula_holds_for_other_costs_penalties_and_audits(deal, lazy, audited):
    assert measure(reexecuted(deal, lies=0.5, lazy=lazy, audited=audited), LEASES, SEED).agrees


def test_a_formula_that_is_wrong_is_found_out():
    right = reexecuted(DEAL, lies=1.0, audited=0.5)
    wrong = Scenario(right.title, right.formula + 0.1 * DEAL.price, right.play)
    assert measure(right, LEASES, SEED).agrees and not measure(wrong, LEASES, SEED).agrees


def test_the_same_seed_plays_the_same_leases():
    scenario = replicated(DEAL, replicas=3, share=0.4)
    assert measure(scenario, 500, 1) == measure(scenario, 500, 1) != measure(scenario, 500, 2)


@pytest.mark.parametrize("deal", DEALS)
def test_cheating_loses_above_the_documented_chance_and_pays_below(deal):
    bound = economics.least_detection_to_lose(deal)
    above, below = (measure(reexecuted(deal, lies=1.0, audited=bound + by), LEASES, SEED) for by in (0.1, -0.1))
    assert above.mean + above.margin < 0 < below.mean - below.margin


def test_at_the_documented_penalty_a_tenth_of_audits_is_enough():
    deal = replace(DEAL, penalty=int(1.1 * economics.least_penalty(replace(DEAL, cost=DEAL.net), 0.1)))
    played = measure(reexecuted(deal, lies=1.0, audited=0.1), 20_000, SEED)
    assert played.mean + played.margin < 0
    assert measure(reexecuted(DEAL, lies=1.0, audited=0.1), LEASES, SEED).mean > 0, "at today's it is not"


@pytest.mark.parametrize(("rate_ppm", "leases"), [(500_000, 40_000), (750_000, LEASES)])
@pytest.mark.parametrize("cheat", ["nobody", "member"])
def test_from_the_floor_on_lying_loses_whoever_hides_its_share(rate_ppm, leases, cheat):
    found = measure(drawn(DEAL, rate_ppm=rate_ppm, cheat=cheat), leases, SEED)
    assert found.agrees and found.mean + found.margin < 0 and found.scenario.formula < 0


def test_lying_pays_where_the_market_keeps_back_what_was_drawn():
    found = measure(drawn(DEAL, rate_ppm=750_000, cheat="market"), LEASES, SEED)
    assert found.agrees and found.mean - found.margin > 0


@pytest.mark.parametrize("fee_bps", [0, 1, 500, 1_000])
def test_the_floor_is_enough_at_every_fee_that_the_contracts_allow(fee_bps):
    deal = Deal(fee_bps=fee_bps)
    bound = economics.least_detection_to_lose(deal)
    assert bound <= LEAST_RATE_PPM / ALL_PPM
    at_floor = economics.lying_profit(deal, economics.judged(3, 2, 0, LEAST_RATE_PPM / ALL_PPM))
    assert at_floor < 0 if fee_bps else at_floor == 0


def test_no_lower_floor_would_do_without_a_fee():
    below = economics.judged(3, 2, 0, (LEAST_RATE_PPM - 1) / ALL_PPM)
    assert economics.lying_profit(Deal(fee_bps=0), below) > 0


def test_guessing_beats_running_without_canaries_and_loses_with_the_documented_share():
    fee = economics.oracle_fee(DEAL, 3)
    share = economics.least_canaries(fee, 1_000, 400)
    for canaries, sign in ((0.0, 1), (share / 2, 1), (share * 2, -1)):
        guess, run = (measure(seated(DEAL, 1_000, canaries, habit), 40_000, SEED) for habit in ("guess", "run"))
        assert sign * (guess.mean - run.mean) > 0, canaries


def test_no_share_of_canaries_helps_where_a_run_costs_more_than_the_fee():
    fee = economics.oracle_fee(DEAL, 3)
    seats = [Seat(fee, 2 * fee, share / 100, 1_000) for share in range(1, 100)]
    assert all(economics.running_profit(one) < 0 < economics.guessing_profit(one) for one in seats)


def test_the_least_share_of_canaries_is_where_both_are_worth_the_same():
    for cost, leases in ((1_000, 400), (2_500, 1_000), (100, 50)):
        share = economics.least_canaries(3_333, cost, leases)
        seats = [Seat(3_333, cost, share * factor, leases) for factor in (0.9, 1.1)]
        worth = [economics.running_profit(one) - economics.guessing_profit(one) for one in seats]
        assert worth[0] < 0 < worth[1]


@pytest.mark.parametrize(("cost", "leases"), [(3_333, 1_000), (5_000, 1_000), (3_000, 100)])
def test_where_no_share_of_canaries_is_enough_that_is_said(cost, leases):
    with pytest.raises(ValueError, match="no share of canaries"):
        economics.least_canaries(3_333, cost, leases)


def test_one_who_copies_is_never_caught_so_that_seals_must_forbid_it():
    played = measure(seated(DEAL, 1_000, 0.02, "copy"), LEASES, SEED)
    assert played.agrees and played.mean > measure(seated(DEAL, 1_000, 0.02, "run"), LEASES, SEED).mean


def test_a_guess_is_wrong_about_a_lie_and_its_oracle_gets_no_fee():
    verdict, agreeing = judge((Oracle.GUESS, Oracle.RUN, Oracle.RUN), 2, False, DEAL.price)
    assert verdict.outcome == Outcome.FRAUD and agreeing == {1, 2}
    assert signer_gets(DEAL, verdict, [1, 2]) == 0
    assert provider_gets(DEAL, Outcome(verdict.outcome), verdict.pay) == -DEAL.price


def test_too_few_who_agree_settle_nothing():
    assert judge((Oracle.GUESS, Oracle.RUN), 2, False, DEAL.price) == (None, set())


def test_an_honest_replica_that_is_outvoted_is_punished():
    assert vote(attested(True), (attested(False), attested(False))) is Outcome.FRAUD
    assert vote(attested(False, 1), (attested(False, 2), attested(True))) is Outcome.FAILED, "lies that differ"


def test_a_renter_that_owns_two_of_three_replicas_takes_the_penalty_of_the_third():
    profits = [measure(outvoted(DEAL, replicas=3, own=own), 10, SEED) for own in (0, 1, 2, 3)]
    assert all(one.agrees for one in profits)
    assert [one.mean / DEAL.price for one in profits] == pytest.approx([-3, -2, 0.9, -0.15])


def test_a_row_that_differs_is_marked_and_makes_the_command_fail(monkeypatch, capsys):
    assert main(["--leases", "200"]) == 0
    assert "differs" not in capsys.readouterr().out
    monkeypatch.setattr(Measured, "agrees", False)
    assert main(["--leases", "200"]) == 1
    assert "differs" in capsys.readouterr().out
