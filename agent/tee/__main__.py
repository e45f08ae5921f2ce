"""What a quote says, verified or not at all: for renters who look for measurements, and for whoever doubts a verdict.

    python -m agent.tee QUOTE COLLATERAL [UNIX-SECONDS]

One JSON document; the time is now unless it is given.
"""

import json
import sys
import time
from pathlib import Path

from agent.tee.dcap import DcapVerifier
from marketplace.errors import InputError, MarketError


def describe(quote: Path, collateral: Path, at: int) -> dict[str, object]:
    """The claims of a quote as of unix seconds `at`. Raises InputError, InvalidEvidence, UnsupportedTee."""
    claims = DcapVerifier().verify(_read(quote), _read(collateral), at)
    return {
        "technology": claims.technology,
        "measurements": claims.measurements,
        "reportData": "0x" + claims.report_data.hex(),
        "tcbStatus": claims.tcb_status,
        "advisoryIds": claims.advisory_ids,
        "isDebug": claims.is_debug,
        "isCurrent": claims.is_current,
    } | ({"isvProdId": claims.isv_prod_id, "isvSvn": claims.isv_svn} if claims.technology == "sgx" else {})


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error


def main(words: list[str]) -> int:
    """Prints the claims; the exit code of `hive` for what went wrong."""
    if len(words) not in (2, 3) or not all(word.isdecimal() for word in words[2:]):
        print("usage: python -m agent.tee QUOTE COLLATERAL [UNIX-SECONDS]", file=sys.stderr)
        return InputError.exit_code
    try:
        found = describe(Path(words[0]), Path(words[1]), int(words[2]) if words[2:] else int(time.time()))
    except MarketError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
