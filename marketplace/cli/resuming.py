"""Jobs that their machine did not finish: placed again, from where they were saved; `hive resume`."""

from typing import TYPE_CHECKING, Any

import typer

from marketplace.cli.context import (
    JsonOption,
    PasswordFileOption,
    UrlOption,
    WalletOption,
    YesOption,
    find_keystore,
    find_market,
    require_consent,
    unlock,
)
from marketplace.cli.job_views import PANEL, JobArgument
from marketplace.cli.known import remember_job, resolve_job
from marketplace.cli.options import with_options
from marketplace.cli.output import short, talk
from marketplace.cli.private import SecretOption, keep_and_grant, read_secrets, recall_key
from marketplace.cli.signed import print_commitment
from marketplace.cli.watching import WatchOptions, require_one_output
from marketplace.errors import ConflictError, InputError, MalformedMessage, NotFound

if TYPE_CHECKING:
    from marketplace.client import MarketClient
    from marketplace.client.jobs import PreparedJob
    from marketplace.protocol.eip712 import Domain


def register(app: typer.Typer) -> None:
    """Add the command to `hive`."""
    app.command("resume", rich_help_panel=PANEL)(resume)


def was_interrupted(job: dict[str, Any]) -> bool:
    """Whether a job has ended without its program having: its machine stopped it, or was never heard of again."""
    is_evicted = job["state"] == "failed" and any(lease.get("exit") == "evicted" for lease in job["leases"])
    is_lost = job["state"] == "refunded" and all(lease.get("exit") is None for lease in job["leases"])
    return is_evicted or is_lost


def go_on(client: "MarketClient", job: "PreparedJob", ended: dict[str, Any], domain: "Domain") -> "PreparedJob":
    """What is to be placed again: the rest of the job where it has saved something, else all of it."""
    from marketplace.client.resuming import resume_job

    try:
        rest = resume_job(client, ended, domain)
    except NotFound:
        talk().print("It has saved nothing: it begins again.")
        return job
    except InputError as error:
        talk().print(f"What it has saved is of no use ({error}): it begins again.")
        return job
    talk().print(f"It goes on from what it has saved: {len(rest.spec.inputs)} inputs.")
    return rest


@with_options
def resume(
    job: JobArgument,
    wallet: WalletOption = None,
    url: UrlOption = None,
    password_file: PasswordFileOption = None,
    yes: YesOption = False,
    secret: SecretOption = None,
    as_json: JsonOption = False,
    *,
    watch: WatchOptions,
) -> None:
    """Go on with a job that its machine did not finish: a new bid, as the last one, from the newest checkpoint."""
    from marketplace.cli.follow import attend
    from marketplace.client.jobs import build_bid
    from marketplace.client.resuming import resume_job
    from marketplace.client.salts import Salts
    from marketplace.protocol.enums import Verification
    from marketplace.protocol.messages import Bid

    require_one_output(watch, as_json=as_json)
    market = find_market(url)
    with market.client() as client:
        domain, ended = client.domain(), client.job(resolve_job(client, job))
        if not was_interrupted(ended):
            raise ConflictError(
                f"Job {short(ended['jobId'])} is {ended['state']}: no machine has left it unfinished.",
                hint="Only a job that was evicted, or refunded without a result, can go on.",
            )
        rest, last = resume_job(client, ended, domain), Bid.parse(ended["bid"])
        if last.struct_hash() != ended["jobId"]:
            raise MalformedMessage("Bid", f"is not that of job {short(ended['jobId'])}")
        key = recall_key(rest.spec, read_secrets(secret))
        if key is not None and rest.spec.privacy is not None:
            key.require_fits(rest.spec.privacy)
        print_commitment(rest, last.max_price, last.replicas, int(client.config()["feeBps"]))
        require_consent("Sign this bid?", yes=yes)
        account = unlock(find_keystore(wallet, market), market, password_file)
        granter = keep_and_grant(market, client, account, key)
        bid = build_bid(
            rest, renter=account.address, market=last.market, resources=last.resources, max_price=last.max_price,
            salt=Salts(client.next_salt).take(account.address), replicas=last.replicas,
            verification=Verification(last.verification),
        )  # fmt: skip
        job_id = client.submit_job(bid, bid.sign(domain, account.key), rest.spec)["jobId"]
        remember_job(job_id, bid.to_json(), market.url)
        attend(client, job_id, domain, watch=watch, as_json=as_json, tend=granter)
