"""What happens: bids are quoted, signed and placed, watched to their ends, fetched, explained, cancelled."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marketplace.cli.localmarket import LocalMarket
from marketplace.cli.offers import price_now
from marketplace.cli.settled import job_bills
from marketplace.client import MarketClient
from marketplace.client.bills import Bill
from marketplace.client.jobs import PreparedJob, build_bid, build_cancel, prepare_job, runtimes_of, upload_job
from marketplace.client.results import download_result, fetch_result
from marketplace.client.salts import Salts
from marketplace.client.waiting import is_over, wait_until
from marketplace.errors import NotFound, WaitTimeout
from marketplace.protocol.jobspec import Requirements
from marketplace.protocol.messages import Bid
from scripts.demo.jobs import CAP_FACTOR, JOBS, DemoJob

END_SECONDS = 180
"""After so long the demo gives up on a job."""
POLL_SECONDS = 0.15
UNSERVED = {"queued", "cancelled"}
"""Ends of the two bids that no round may match."""


@dataclass(slots=True)
class Placed:
    """One bid of the story, and what became of it."""

    job: DemoJob
    prepared: PreparedJob
    quoted: int | None
    bid: Bid
    job_id: str = ""
    document: dict[str, Any] = field(default_factory=dict)
    explanation: dict[str, Any] = field(default_factory=dict)
    bills: list[Bill] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    @property
    def state(self) -> str:
        """Where it stands, by the market's word."""
        return self.document.get("state", "")


class Story:
    """The renters' side of the demo, over one local market."""

    def __init__(self, market: LocalMarket, output: Path, tell: Callable[[Placed, dict[str, Any]], None]) -> None:
        """`tell` hears every new event of every job."""
        self.market, self.output, self._tell = market, output, tell
        self.client: MarketClient = market.client()
        self.domain = self.client.domain()
        self.salts = Salts(self.client.next_salt)
        self.placed: list[Placed] = []

    def close(self) -> None:
        """Return the connections."""
        self.client.close()

    def quote_and_sign(self) -> list[Placed]:
        """Ask for every job's price, then make its bid. Nothing is placed yet."""
        config = self.client.config()
        self.placed = [self._prepare(job, config) for job in JOBS]
        return self.placed

    def _prepare(self, job: DemoJob, config: dict[str, Any]) -> Placed:
        prepared = prepare_job(
            job.program,
            job.inputs,
            runtimes=runtimes_of(config),
            args=job.args,
            name=job.title,
            requirements=Requirements(regions=job.regions),
        )
        quote = self.client.quote(job.resources, job_spec=prepared.spec, max_price=job.max_price)
        quoted = price_now(quote)
        cap = job.max_price or CAP_FACTOR * (quoted or 0)
        bid = build_bid(
            prepared,
            renter=self.market.addresses[job.renter],
            market=config["market"],
            resources=job.resources,
            max_price=cap,
            salt=self.salts.take(self.market.addresses[job.renter]),
        )
        return Placed(job, prepared, quoted, bid)

    def place(self) -> None:
        """Upload and place all bids at once, as people would who do not know of each other."""
        with ThreadPoolExecutor(len(self.placed)) as pool:
            list(pool.map(lambda each: upload_job(self.client, each.prepared), self.placed))
            list(pool.map(self._submit, self.placed))

    def _submit(self, placed: Placed) -> None:
        signature = placed.bid.sign(self.domain, self.market.keys[placed.job.renter])
        placed.job_id = self.client.submit_job(placed.bid, signature, placed.prepared.spec)["jobId"]

    def watch(self) -> None:
        """Follow every bid that can be served to its end. Raises WaitTimeout, ProcessFailed."""
        told = {each.job_id: 0 for each in self.placed if each.job.ends not in UNSERVED}
        until = time.monotonic() + END_SECONDS
        while told:
            for each in [each for each in self.placed if each.job_id in told]:
                each.document = self.client.job(each.job_id)
                timeline = each.document["timeline"]
                for event in timeline[told[each.job_id] :]:
                    self._tell(each, event)
                told[each.job_id] = len(timeline)
                if is_over(each.document):
                    del told[each.job_id]
            if time.monotonic() > until:
                late = ", ".join(each.job.key for each in self.placed if each.job_id in told)
                raise WaitTimeout(f"These jobs did not end within {END_SECONDS} s: {late}.")
            self.market.require_alive()
            time.sleep(POLL_SECONDS)

    def explain_unserved(self) -> list[Placed]:
        """Why the rounds left two bids unmatched, in the market's own words."""
        found = [each for each in self.placed if each.job.ends in UNSERVED]
        for each in found:
            wait_until(lambda each=each: self._considered(each), timeout=30, what=f"A round with {each.job.key}")
            each.document = self.client.job(each.job_id)
        return found

    def _considered(self, placed: Placed) -> bool:
        placed.explanation = self.client.job_explain(placed.job_id)
        return placed.explanation["round"] is not None

    def cancel(self, key: str) -> Placed:
        """Withdraw a bid by its renter's signature, and wait until it is void on chain."""
        placed = next(each for each in self.placed if each.job.key == key)
        order = build_cancel(placed.bid)
        self.client.cancel(order, order.sign(self.domain, self.market.keys[placed.job.renter]))
        reader = self.market.reader()
        wait_until(
            lambda: reader.is_void(placed.bid.renter, placed.bid.salt),
            timeout=30,
            what="The cancellation on chain",
        )
        placed.document = self.client.job(placed.job_id)
        return placed

    def collect(self) -> None:
        """Bills of all jobs, recomputed; files of the paid ones, every byte checked."""
        for each in self.placed:
            each.bills = job_bills(self.client, each.document)
            if each.state == "paid":
                each.files = self._download(each)

    def _download(self, placed: Placed) -> list[Path]:
        folder = self.output / placed.job.key
        lease_id = placed.document["leases"][0]["leaseId"]
        result = fetch_result(self.client, lease_id, self.client.lease_terms(lease_id), self.domain)
        return [path for path, size in download_result(self.client, result, folder) if size]

    def forged_file(self) -> bytes:
        """What the lying provider delivered; kept by the market as evidence. Raises NotFound."""
        placed = next(each for each in self.placed if each.job.ends == "fraud")
        manifest = self.client.attestation(placed.document["leases"][0]["leaseId"])["manifest"]
        for entry in manifest["entries"]:
            if entry["path"] == "log/stdout":
                return self.client.get_blob(entry["digest"])
        raise NotFound("forged log of", placed.job_id)
