"""Places a canary: an ordinary job, but for a seed that commits one's own node to lie about it.

    python -m scripts.canary.placing PROGRAM SALTS --agent 0x… --max-price USDC --url http://… --keystore FILE
                                     [--password-file FILE]

Appends a new salt to SALTS, and prints the job's id and the salt. The keystore is of the renter whose job it is, and
who gets the penalty; without its password's file, COMPUTEHIVE_PASSWORD is taken. The job must go to the node whose
attestations `agent` signs: with any other it is honest work, paid for.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from eth_account.signers.local import LocalAccount

from marketplace.cli.money import checked_address, positive_amount
from marketplace.client import MarketClient
from marketplace.client.jobs import DEFAULT_RESOURCES, build_bid, prepare_job, runtimes_of, upload_job
from marketplace.client.keystore import Keystore, find_password
from marketplace.errors import MarketError
from marketplace.protocol.canaries import canary_seed
from marketplace.protocol.enums import Verification
from marketplace.protocol.jobspec import Determinism
from scripts.canary.salts import add_salt


def place_canary(
    client: MarketClient, program: Path, *, agent: str, renter: LocalAccount, salt: str, max_price: int
) -> str:
    """Sign and submit `program` as a job that `agent` is going to lie about; the job's id.

    `max_price` in micro-USDC. Raises what `prepare_job` and the market raise.
    """
    config = client.config()
    determinism = Determinism(seed=canary_seed(agent, renter.address, salt))
    job = prepare_job(program, runtimes=runtimes_of(config), determinism=determinism)
    upload_job(client, job)
    bid = build_bid(
        job,
        renter=renter.address,
        market=config["market"],
        resources=DEFAULT_RESOURCES,
        max_price=max_price,
        salt=client.next_salt(renter.address),
        verification=Verification.REEXECUTE,
    )
    return client.submit_job(bid, bid.sign(client.domain(), renter.key), job.spec)["jobId"]


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or the exit code of what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m scripts.canary.placing", description=__doc__.split("\n")[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("salts", type=Path, help="the file of salts that the node reads")
    parser.add_argument("--agent", required=True, help="the address that signs the node's attestations")
    parser.add_argument("--max-price", required=True, help="USDC, locked until the canary is judged")
    parser.add_argument("--url", required=True, help="the market")
    parser.add_argument("--keystore", type=Path, required=True, help="the renter's")
    parser.add_argument("--password-file", type=Path)
    given = parser.parse_args(arguments)
    try:
        agent, max_price = checked_address(given.agent), positive_amount(given.max_price)
        renter = Keystore.load(given.keystore).unlock(find_password(file=given.password_file))
        salt = add_salt(given.salts)
        with MarketClient(given.url) as client:
            job_id = place_canary(client, given.program, agent=agent, renter=renter, salt=salt, max_price=max_price)
    except MarketError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"job {job_id}\nsalt {salt}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
