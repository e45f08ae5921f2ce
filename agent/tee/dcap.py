"""Quotes of Intel SGX (version 3) and TDX (4 and 5), verified by the package `dcap-qvl` against Intel's root.

A quote is signed by a key that a quoting enclave vouches for, that by the processor's certificate, that by Intel. The
collateral (Intel's lists of what is revoked and out of date, signed too) is valid for about a month. `dcap-qvl` refuses
a quote at any other time; whether then the quote is false or merely old, this module finds out by asking again about
the time at which the collateral was issued.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from agent.tee.claims import UNLISTED, UNTOLD, Claims
from marketplace.errors import InvalidEvidence, MalformedMessage, UnsupportedTee
from marketplace.protocol.parsing import parse_json

_TECHNOLOGIES = {"SGX": "sgx", "TDX": "tdx"}
_TDX_MEASUREMENTS = {"mrtd": "mr_td", "rtmr0": "rt_mr0", "rtmr1": "rt_mr1", "rtmr2": "rt_mr2", "rtmr3": "rt_mr3"}
_SGX_MEASUREMENTS = {"mrenclave": "mr_enclave", "mrsigner": "mr_signer"}
_TDX_DEBUG, _SGX_DEBUG = 0x01, 0x02
"""Bits of the first byte of TDATTRIBUTES (Intel TDX Module ABI) and of the enclave's ATTRIBUTES (Intel SDM, 3D)."""
_SGX_PRODUCT, _SGX_VERSION = slice(48 + 256, 48 + 258), slice(48 + 258, 48 + 260)
"""ISVPRODID and ISVSVN: little-endian, in the report that follows the header."""
_HELD_BUT = (
    (re.compile(r"No matching TCB level found"), UNLISTED),
    (re.compile(r"TCB status is invalid: (\w+)"), None),
    (re.compile(r"Debug mode is enabled"), UNTOLD),
)
"""How dcap-qvl 0.7 refuses a quote all of whose signatures held, and what that says about the platform's status."""


class DcapVerifier:
    """`root_ca_der` replaces Intel's root certificate: tests have a root of their own, no setting has."""

    def __init__(self, root_ca_der: bytes | None = None) -> None:
        self._root = root_ca_der

    def verify(self, quote: bytes, collateral: bytes, now: int) -> Claims:
        """What the quote claims, as of unix seconds `now`.

        Raises InvalidEvidence where a signature holds neither then nor when the collateral was issued, UnsupportedTee
        without the package.
        """
        library = self._library
        documents, issued_at = _read_collateral(library, collateral)
        try:
            return _claims_of(library, quote, self._appraise(quote, documents, now), is_current=True)
        except ValueError as error:
            refusal = _first_line(error)
        try:
            return _claims_of(library, quote, self._appraise(quote, documents, issued_at), is_current=False)
        except ValueError as error:
            raise InvalidEvidence(f"The quote does not verify: {refusal}.") from error

    @cached_property
    def _library(self) -> Any:
        """Imported when first needed: it is native code, which not every machine has."""
        try:
            import dcap_qvl
        except ImportError as error:
            raise UnsupportedTee("sgx and tdx", hint="Install the package `dcap-qvl`.") from error
        return dcap_qvl

    def _appraise(self, quote: bytes, documents: Any, at: int) -> tuple[str, tuple[str, ...]]:
        """The platform's status and the advisories that apply to it. Raises ValueError where a signature fails."""
        try:
            if self._root is None:
                report = self._library.verify(quote, documents, at)
            else:
                report = self._library.verify_with_root_ca(quote, documents, self._root, at)
        except ValueError as error:
            status = _read_status(str(error))
            if status is None:
                raise
            return status, ()
        return report.status, tuple(report.advisory_ids)


def _read_collateral(library: Any, collateral: bytes) -> tuple[Any, int]:
    """The collateral, and unix seconds from which on all of it is valid. Raises InvalidEvidence."""
    try:
        text = collateral.decode()
        documents = library.QuoteCollateralV3.from_json(text)
        parts = parse_json(collateral, "collateral")
        said = [parse_json(parts[part].encode(), part)["issueDate"] for part in ("tcb_info", "qe_identity")]
        return documents, max(map(_read_time, said))
    except (MalformedMessage, ValueError, KeyError, TypeError, OverflowError) as error:
        raise InvalidEvidence(
            f"The collateral is not what verifying a quote takes: {_first_line(error)}.",
            hint="Expected is the JSON of dcap-qvl's QuoteCollateralV3.",
        ) from error


def _read_time(text: str) -> int:
    """Unix seconds, of UTC where no zone is named; nothing before 1970, which no quote is from."""
    when = datetime.fromisoformat(text)
    return max(0, int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()))


def _claims_of(library: Any, quote: bytes, appraised: tuple[str, tuple[str, ...]], *, is_current: bool) -> Claims:
    status, advisories = appraised
    parsed = library.parse_quote(quote)
    technology, report = _TECHNOLOGIES[parsed.quote_type()], parsed.report
    is_tdx = technology == "tdx"
    return Claims(
        technology=technology,
        measurements=_measurements(report, _TDX_MEASUREMENTS if is_tdx else _SGX_MEASUREMENTS),
        report_data=bytes(report.report_data),
        tcb_status=status,
        advisory_ids=advisories,
        is_debug=bool(report.td_attributes[0] & _TDX_DEBUG if is_tdx else report.attributes[0] & _SGX_DEBUG),
        is_current=is_current,
        isv_prod_id=0 if is_tdx else int.from_bytes(quote[_SGX_PRODUCT], "little"),
        isv_svn=0 if is_tdx else int.from_bytes(quote[_SGX_VERSION], "little"),
    )


def _measurements(report: Any, names: Mapping[str, str]) -> dict[str, str]:
    return {ours: "0x" + bytes(getattr(report, theirs)).hex() for ours, theirs in names.items()}


def _read_status(refusal: str) -> str | None:
    """The status that a refusal tells; None where it is about something else."""
    for pattern, status in _HELD_BUT:
        if found := pattern.search(refusal):
            return status or found[1]
    return None


def _first_line(error: Exception) -> str:
    return (str(error).removeprefix("Verification failed: ").splitlines() or [type(error).__name__])[0].rstrip(".")
