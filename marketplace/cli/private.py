"""Private jobs: `--private` and `--secret`, keys that are kept and granted, and `hive grant`."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from marketplace.cli.context import (
    PasswordFileOption,
    UrlOption,
    WalletOption,
    find_keystore,
    find_market,
    home,
    unlock,
)
from marketplace.cli.granting import Granter
from marketplace.cli.job_views import PANEL, JobArgument
from marketplace.cli.known import resolve_job
from marketplace.cli.output import out, short, talk
from marketplace.errors import CannotDecrypt, ConflictError, InputError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from marketplace.cli.context import Market
    from marketplace.client import MarketClient
    from marketplace.client.jobs import PreparedJob
    from marketplace.client.private import JobKey
    from marketplace.protocol.enums import Verification
    from marketplace.protocol.jobspec import JobSpec

MAX_SECRETS = 64
"""As the protocol has it, which is slow to import."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
SecretOption = Annotated[
    list[str] | None,
    typer.Option(
        "--secret", help="NAME of an environment variable, or NAME=FILE: the program finds it in /secrets/NAME."
    ),
]


@dataclass(frozen=True)
class PrivacyOptions:
    """Whether others may read the job, and what only its node is told."""

    private: Annotated[
        bool, typer.Option("--private", help="Encrypt script, inputs, outputs and logs: the market sees ciphertexts.")
    ] = False
    secret: SecretOption = None

    def seal(
        self, job: "PreparedJob", verification: "Verification | None", replicas: int
    ) -> tuple["PreparedJob", "JobKey | None"]:
        """The job as it is to be placed, and its key; both as they were where it is not private.

        A secret makes a job private. Raises InputError for a secret that cannot be read, or that oracles would need.
        """
        from marketplace.client.jobs import default_verification
        from marketplace.client.private import JobKey, seal_job
        from marketplace.protocol.enums import Verification

        if not (self.private or self.secret):
            return job, None
        key = JobKey.new(read_secrets(self.secret))
        chosen = default_verification(job.spec, replicas) if verification is None else verification
        if key.secrets and chosen == Verification.REEXECUTE:
            raise InputError(
                "Oracles would need the secrets to run this job again, and they are for its node alone.",
                hint="Say --verify accept, or --verify replicate with --replicas.",
            )
        if chosen == Verification.REEXECUTE:
            talk().print(
                "Private: its node passes the key on to the oracles, which run it again. Say --verify accept to keep it"
                " from them."
            )
        return seal_job(job, key), key


def read_secrets(given: list[str] | None) -> dict[str, bytes]:
    """Secrets by name: of NAME=FILE what is in the file, of NAME the environment variable. Raises InputError."""
    found = {}
    for name, equals, path in (one.partition("=") for one in given or []):
        if not _NAME.fullmatch(name):
            raise InputError(
                f"--secret {name!r} is no name of a secret.", hint="Letters, digits and underscores, 128 at most."
            )
        if name in found:
            raise InputError(f"--secret {name} is given twice.")
        try:
            found[name] = Path(path).read_bytes() if equals else os.fsencode(os.environ[name])
        except KeyError:
            raise InputError(f"--secret {name}: no such environment variable.", hint="Or say NAME=FILE.") from None
        except OSError as error:
            raise InputError(f"--secret {name}: {path} cannot be read ({error.strerror}).") from error
    if len(found) > MAX_SECRETS:
        raise InputError(f"{len(found)} secrets; a job has {MAX_SECRETS} at most.", hint="Put some into one file.")
    return found


def key_path(recipient: str) -> Path:
    """Where the key of a private job is kept: nobody else has it, and nothing of the job is readable without it."""
    return home() / "private" / f"{recipient}.key"


def recall_key(job_spec: "JobSpec", secrets: dict[str, bytes] | None = None) -> "JobKey | None":
    """The key of a private job placed from here; None of one that is not private. Raises CannotDecrypt."""
    from marketplace.client.keyfile import load_identity
    from marketplace.client.private import JobKey

    if job_spec.privacy is None:
        return None
    path = key_path(job_spec.privacy.recipient)
    if not path.exists():
        raise CannotDecrypt(
            "This job is private, and its key is not here.",
            hint=f"It was made where the job was placed: copy {path.name} from there into {path.parent}.",
            recipient=job_spec.privacy.recipient,
        )
    return JobKey(load_identity(path), secrets or {})


def keep_and_grant(
    market: "Market", client: "MarketClient", account: "LocalAccount", key: "JobKey | None"
) -> Granter | None:
    """The key on disk, before anything is signed, and who will give it to the job's nodes; None without a key.

    Raises SettingsError where no node of the chain is named: the chain says whose a lease is.
    """
    if key is None:
        return None
    from marketplace.cli.wiring import open_reader
    from marketplace.client.keyfile import save_identity

    save_identity(key_path(key.recipient), key.identity)
    return Granter(client, open_reader(market), account, key)


def register(app: typer.Typer) -> None:
    """Add the command to `hive`."""
    app.command("grant", rich_help_panel=PANEL)(grant)


def grant(
    job: JobArgument,
    secret: SecretOption = None,
    wallet: WalletOption = None,
    url: UrlOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Give a private job's key to the machines that have leased it, where `hive run` did not wait for them."""
    from marketplace.protocol.jobspec import JobSpec

    market = find_market(url)
    with market.client() as client:
        found = client.job(resolve_job(client, job))
        spec = JobSpec.parse(found["jobSpec"])
        key = recall_key(spec, read_secrets(secret))
        if key is None or spec.privacy is None:
            raise ConflictError(f"Job {short(found['jobId'])} is not private: there is nothing to grant.")
        key.require_fits(spec.privacy)
        granter = keep_and_grant(market, client, unlock(find_keystore(wallet, market), market, password_file), key)
        assert granter is not None, "there is a key"
        granted = granter.grant(found)
    if not granted:
        raise ConflictError(
            f"Job {short(found['jobId'])} is {found['state']}: no machine has an open lease of it now.",
            hint="Try again once one has: `hive status` tells.",
        )
    out().print(f"The key of job {short(found['jobId'])} is granted to {granted} of its machines.")
