"""What a job took, on its bill: in words and in JSON, checked before it is shown."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from marketplace.cli.settled import bill_table, lease_bill
from marketplace.cli.took import usage_text
from marketplace.client.bills import compute_bill
from marketplace.protocol.enums import FigureOrigin, Outcome
from marketplace.protocol.usage import SignedUsage, UsageReport
from tests.unit.client.test_results import AGENT, ASK, BID, DOMAIN, LEASE, STRANGER, TERMS, Market, attestation

FIGURES = {
    "cpu_milliseconds": (2_100, FigureOrigin.MEASURED),
    "peak_memory_bytes": (80_500_000, FigureOrigin.MEASURED),
    "energy_millijoules": (35_040, FigureOrigin.MODELLED),
    "carbon_milligrams": (4, FigureOrigin.MODELLED),
}


def report(**changes):
    return UsageReport.of(LEASE, attestation().result_digest, FIGURES | changes)


class Settled(Market):
    """A market with one paid lease, and this report on it."""

    def __init__(self, told, signer=AGENT):
        super().__init__()
        self.document["usage"] = told and SignedUsage(report=told, signature=told.sign(DOMAIN, signer.key)).to_json()

    def lease_terms(self, lease_id):
        return TERMS

    def domain(self):
        return DOMAIN


def bill_of(market):
    expected = compute_bill(LEASE, BID, ASK, TERMS.price, Outcome.PAID, 500, attestation())
    amounts = {"paid": str(expected.paid), "fee": str(expected.fee), "refund": str(expected.refund)}
    return lease_bill(market, {"leaseId": LEASE, "outcome": "paid", "feeBps": 500, **amounts})


def shown(bill) -> str:
    console = Console(width=110, record=True, file=StringIO())
    console.print(bill_table(bill))
    return console.export_text()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "2.1 cpu s, 80 MB at most, about 35 J (modelled), about 0.004 g CO2e"),
        ({"energy_millijoules": (8_200, FigureOrigin.MEASURED)}, "2.1 cpu s, 80 MB at most, 8.2 J, about 0.004 g CO2e"),
        ({name: (0, FigureOrigin.UNKNOWN) for name in FIGURES}, "nobody knows what"),
        (
            {
                "gpu_milliseconds": (1_234_000, FigureOrigin.MEASURED),
                "gpu_peak_memory_bytes": (3 * 10**9, FigureOrigin.MEASURED),
            },
            "2.1 cpu s, 80 MB at most, 1,234 GPU s with 3,000 MB at most, about 35 J (modelled), about 0.004 g CO2e",
        ),
    ],
)
def test_what_is_known_is_said_in_one_line_and_what_is_modelled_is_called_so(changes, words):
    assert usage_text(report(**changes)) == words


def test_bill_says_what_the_job_took_in_words_and_in_json():
    bill = bill_of(Settled(report()))
    assert f"it took {usage_text(report())}" in shown(bill)
    assert bill.to_json()["usage"]["energyMillijoules"] == {"value": "35040", "origin": "modelled"}


def test_bill_of_a_lease_without_a_report_says_nothing_of_it():
    bill = bill_of(Settled(None))
    assert bill.usage is None and bill.to_json()["usage"] is None
    assert "it took" not in shown(bill)


def test_report_changes_no_amount_of_a_bill():
    assert replace(bill_of(Settled(report())), usage=None) == bill_of(Settled(None))


@pytest.mark.parametrize(
    ("market", "why"),
    [
        (Settled(report(), STRANGER), "was not signed by"),
        (Settled(report(cpu_milliseconds=(10**6, FigureOrigin.MEASURED))), "UsageReport.cpuMilliseconds"),
    ],
)
def test_report_that_is_not_the_agents_or_cannot_be_is_left_out_saying_why_and_the_bill_stands(market, why, capsys):
    assert bill_of(market) == bill_of(Settled(None))
    assert why in " ".join(capsys.readouterr().err.split())
