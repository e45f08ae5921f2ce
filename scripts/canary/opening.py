"""Opens a canary: runs its job, and says over the operator's signature what it really gives.

    python -m scripts.canary.opening LEASE SALT --url http://… --keystore FILE [--password-file FILE]

Prints the oracles that the canary has caught, one a line. The keystore is the market operator's; without its
password's file, COMPUTEHIVE_PASSWORD is taken.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from agent.adapters import AdapterSettings, open_adapters
from agent.verdict import Abstain, decide
from agent.work import JobRunner
from marketplace.client import MarketClient
from marketplace.client.keystore import Keystore, find_password
from marketplace.errors import ConflictError, MarketError
from marketplace.protocol.canaries import CanaryOpening
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Attestation, require_signed_by


def run_again(client: MarketClient, lease_id: str, salt: str, domain: Domain) -> CanaryOpening:
    """What opens a canary, by a run of one's own.

    Raises ConflictError where the attested result is what the job gives, or this machine cannot tell; NotFound,
    InvalidSignature.
    """
    terms, evidence = client.lease_terms(lease_id), client.attestation(lease_id)
    attestation = Attestation.parse(evidence["attestation"])
    require_signed_by(attestation, terms.ask.agent, domain, evidence["signature"])
    with tempfile.TemporaryDirectory() as folder:
        own = JobRunner(open_adapters(AdapterSettings(Path(folder))), client.get_blob)(terms)
    if own.sandbox_digest != attestation.sandbox_digest:
        raise ConflictError(
            f"Lease {lease_id} ran in another sandbox than this machine's: a difference proves nothing.",
            hint="Run this where the provider's version of the sandbox is installed.",
            lease=lease_id,
        )
    try:
        verdict = decide(attestation, own, terms.bid, terms.ask, terms.price)
    except Abstain as error:
        raise ConflictError(f"This machine cannot tell what the job gives. {error}", lease=lease_id) from error
    if verdict.outcome != Outcome.FRAUD:
        raise ConflictError(f"What is attested for lease {lease_id} is what the job gives: no lie.", lease=lease_id)
    return CanaryOpening(lease_id=lease_id, salt=salt, result_digest=own.result_digest)


def open_planted(client: MarketClient, lease_id: str, salt: str, key: bytes) -> list[str]:
    """Run the job, sign what it gives with the operator's `key`, and show it to the market; whom it caught."""
    domain = client.domain()
    opening = run_again(client, lease_id, salt, domain)
    return client.open_canary(opening, opening.sign(domain, key))


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or the exit code of what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m scripts.canary.opening", description=__doc__.split("\n")[0])
    parser.add_argument("lease")
    parser.add_argument("salt")
    parser.add_argument("--url", required=True, help="the market")
    parser.add_argument("--keystore", type=Path, required=True, help="the market operator's")
    parser.add_argument("--password-file", type=Path)
    given = parser.parse_args(arguments)
    try:
        key = Keystore.load(given.keystore).unlock(find_password(file=given.password_file)).key
        with MarketClient(given.url) as client:
            for oracle in open_planted(client, given.lease, given.salt, key):
                print(oracle)
    except MarketError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
