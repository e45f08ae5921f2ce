"""Every error that ComputeHive expects in normal operation, as one tree.

    MarketError
    ├── InputError            what the caller sent is wrong                    HTTP 422   exit 2
    │   ├── MalformedMessage  ├── InvalidAmount   ├── InvalidJobSpec
    │   ├── DigestMismatch    ├── TooLarge (413)  ├── InvalidManifest
    │   └── UnsupportedEncoding (415)
    ├── OrderError            a signed order cannot be accepted                HTTP 422   exit 3
    │   ├── InvalidSignature  ├── ExpiredOrder    ├── DuplicateOrder (409)  ├── CancelledOrder
    │   ├── WrongMarket       ├── WrongSigner     └── PolicyRefused (403)
    ├── FundsError            money or stake does not cover it                 HTTP 402   exit 4
    │   ├── InsufficientFunds └── InsufficientStake
    ├── AccessError           who asks is not known here, or may not           HTTP 403   exit 15
    │   ├── Unauthorized (401)└── Forbidden
    ├── NotFound              no such job, lease, blob, round                  HTTP 404   exit 5
    ├── ConflictError         not in this state                                HTTP 409   exit 6
    │   └── IllegalTransition
    ├── JobFailed             the job ended without a paid result                         exit 7
    ├── ChainError            the chain refused or is away                     HTTP 502/503 exit 8
    │   ├── Reverted          └── ChainUnavailable
    ├── ServiceUnavailable    the market cannot be reached                     HTTP 503   exit 9
    │   ├── WaitTimeout       what was waited for has not happened yet
    │   ├── TooManyRequests (429)  more than one party's share of the market
    │   └── StorageFull (507)      no room for more blobs
    ├── ClearingError         a round is not what it claims                    HTTP 500   exit 10
    │   ├── CertificateRejected ├── TranscriptMismatch
    │   └── LogMismatch       the audit log is not what was signed
    ├── AgentError            this machine cannot do it                        HTTP 500   exit 11
    │   ├── SandboxFault      ├── InvalidModule   ├── KeystoreError
    │   ├── UnsupportedTee    ├── InvalidEvidence ├── CannotDecrypt
    │   └── UpdateRejected    a release that must not be installed here
    ├── SettingsError         a setting is missing or wrong                    HTTP 500   exit 12
    ├── ProgramFailed         the program ran, was paid for, and says it failed           exit 13
    └── VersionSwitched       another version is to be started in this one's place        exit 14

Each class has a stable `code` (it travels as the `type` of problem+json, RFC 9457), the HTTP status it becomes and
the exit code of `hive`. The offending values are attributes and travel as `values`, so that a client raises the
same class again: `error_from_problem`.
"""

from typing import Any, ClassVar

PROBLEM_TYPE_PREFIX = "urn:computehive:error:"


class MarketError(Exception):
    """Root of the tree. `values` are the offending values by name; `hint` says what to do."""

    code: ClassVar[str] = "market_error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", **values: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.values = values

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class InputError(MarketError):
    """What the caller sent is wrong."""

    code = "invalid_input"
    status = 422
    exit_code = 2


class MalformedMessage(InputError):
    """A field does not have the form the protocol asks for."""

    code = "malformed_message"

    def __init__(self, field: str, problem: str, **values: Any) -> None:
        super().__init__(f"{field}: {problem}", field=field, problem=problem, **values)


class UnsupportedEncoding(InputError):
    """A body that is compressed or encoded: none is unpacked here."""

    code = "unsupported_encoding"
    status = 415


class InvalidAmount(InputError):
    """An amount of money that is not one."""

    code = "invalid_amount"

    def __init__(self, given: str, expected: str, **values: Any) -> None:
        super().__init__(f"{given!r} is not an amount: expected {expected}.", given=given, expected=expected, **values)


class InvalidJobSpec(InputError):
    """A job specification that its JSON Schema or its own rules refuse."""

    code = "invalid_job_spec"


class InvalidManifest(InputError):
    """An output manifest that does not hash to the attested digest, or is not well formed."""

    code = "invalid_manifest"


class DigestMismatch(InputError):
    """Bytes that do not hash to the digest they came under."""

    code = "digest_mismatch"

    def __init__(self, expected: str, actual: str, **values: Any) -> None:
        super().__init__(
            f"The bytes hash to {actual}, not to {expected}.",
            hint="Send them again, or compute the digest from the bytes you send.",
            expected=expected,
            actual=actual,
            **values,
        )


class TooLarge(InputError):
    """Something exceeds a stated limit."""

    code = "too_large"
    status = 413

    def __init__(self, what: str, size: int, limit: int, **values: Any) -> None:
        super().__init__(f"{what} is {size} bytes; the limit is {limit}.", what=what, size=size, limit=limit, **values)


class OrderError(MarketError):
    """A signed order that cannot be accepted."""

    code = "order_rejected"
    status = 422
    exit_code = 3


class InvalidSignature(OrderError):
    """The signature was not made by the account the message names, over these bytes, for this chain and contract."""

    code = "invalid_signature"


class WrongSigner(OrderError):
    """A valid signature by somebody who may not sign this."""

    code = "wrong_signer"


class PolicyRefused(OrderError):
    """The market's operator does not admit it, though nothing else is wrong."""

    code = "policy_refused"
    status = 403


class ExpiredOrder(OrderError):
    """`validUntil` or the deadline has passed."""

    code = "expired_order"


class DuplicateOrder(OrderError):
    """This very order (same hash) is known already: a replay, or a retry that needs no repeat."""

    code = "duplicate_order"
    status = 409


class CancelledOrder(OrderError):
    """The signer has cancelled this salt."""

    code = "cancelled_order"


class WrongMarket(OrderError):
    """The order names another market: only that one may match it."""

    code = "wrong_market"


class FundsError(MarketError):
    """Money or stake does not cover what was asked."""

    code = "funds_error"
    status = 402
    exit_code = 4


class InsufficientFunds(FundsError):
    """The renter's free balance in the escrow is below what the order could lock."""

    code = "insufficient_funds"


class InsufficientStake(FundsError):
    """The provider's free stake is below the penalty a lease could cost."""

    code = "insufficient_stake"


class AccessError(MarketError):
    """Who asks is not known here, or may not do this."""

    code = "access_error"
    status = 403
    exit_code = 15


class Unauthorized(AccessError):
    """No session or key, or one that is not good (any more)."""

    code = "unauthorized"
    status = 401


class Forbidden(AccessError):
    """A good session or key that may not do this."""

    code = "forbidden"


class NotFound(MarketError):
    """No such thing here."""

    code = "not_found"
    status = 404
    exit_code = 5

    def __init__(self, what: str, key: str, **values: Any) -> None:
        super().__init__(f"No {what} {key}.", what=what, key=key, **values)


class ConflictError(MarketError):
    """The thing is not in a state that allows this."""

    code = "conflict"
    status = 409
    exit_code = 6


class IllegalTransition(ConflictError):
    """A life-cycle step that the state machine does not have."""

    code = "illegal_transition"


class JobFailed(MarketError):
    """The job ended, and without a paid result (failed, fraud, refunded, cancelled, expired)."""

    code = "job_failed"
    status = 409
    exit_code = 7


class ChainError(MarketError):
    """The chain refused, or could not be asked."""

    code = "chain_error"
    status = 502
    exit_code = 8


class Reverted(ChainError):
    """A contract refused with a custom error: `name` and `args_` as Solidity declares them."""

    code = "reverted"

    def __init__(self, name: str, args_: dict[str, Any] | None = None, **values: Any) -> None:
        args_ = args_ or {}
        shown = ", ".join(f"{key}={value}" for key, value in args_.items())
        super().__init__(f"The contract refused: {name}({shown}).", name=name, args_=args_, **values)
        self.name = name
        self.args_ = args_


class ChainUnavailable(ChainError):
    """The node did not answer; the call may be tried again."""

    code = "chain_unavailable"
    status = 503


class ServiceUnavailable(MarketError):
    """The market's HTTP service did not answer."""

    code = "service_unavailable"
    status = 503
    exit_code = 9


class WaitTimeout(ServiceUnavailable):
    """What was waited for has not happened in the time given; it may still happen."""

    code = "wait_timeout"


class TooManyRequests(ServiceUnavailable):
    """One party has used its share of the market; some of it is back soon."""

    code = "too_many_requests"
    status = 429

    def __init__(
        self, party: str, what: str, limit: int, retry_after: int, allowed: str = "", advice: str = "", **values: Any
    ) -> None:
        super().__init__(
            f"{party} has used its share of {what}: {allowed or f'{limit} a minute'}.",
            hint=advice or f"Try again in {retry_after} s, and spread them out.",
            party=party,
            limit=limit,
            retryAfter=retry_after,
            **values,
        )


class StorageFull(ServiceUnavailable):
    """The market has no room for more blobs: its disk is full, or it holds as much as its operator allows."""

    code = "storage_full"
    status = 507


class ClearingError(MarketError):
    """A round that is not what it claims to be."""

    code = "clearing_error"
    exit_code = 10


class CertificateRejected(ClearingError):
    """The certificate of a round does not follow from its assignment and prices."""

    code = "certificate_rejected"


class TranscriptMismatch(ClearingError):
    """A round recomputed from its transcript differs from what was recorded."""

    code = "transcript_mismatch"


class LogMismatch(ClearingError):
    """The market's audit log is not the one that its operator signed."""

    code = "log_mismatch"


class AgentError(MarketError):
    """This machine cannot do it."""

    code = "agent_error"
    exit_code = 11


class SandboxFault(AgentError):
    """The sandbox itself failed (not the job inside it)."""

    code = "sandbox_fault"


class InvalidModule(AgentError):
    """Bytes that are not a WebAssembly module this sandbox can run."""

    code = "invalid_module"
    status = 422


class KeystoreError(AgentError):
    """A keystore file or its password is wrong."""

    code = "keystore_error"


class UnsupportedTee(AgentError):
    """Evidence of a trusted execution environment that this build cannot make or verify."""

    code = "unsupported_tee"

    def __init__(self, technology: str, *, hint: str = "") -> None:
        super().__init__(
            f"Evidence of {technology} is not supported on this build.",
            hint=hint or "Supported is Intel's DCAP: sgx and tdx.",
            technology=technology,
        )


class InvalidEvidence(AgentError):
    """A quote that its processor's maker did not sign, or that is no quote."""

    code = "invalid_evidence"


class CannotDecrypt(AgentError):
    """A ciphertext that the key at hand does not open, a damaged one, or no key at all."""

    code = "cannot_decrypt"
    status = 422


class UpdateRejected(AgentError):
    """A release that is not signed as it must be, has lapsed, is older than one seen before, or does not work here."""

    code = "update_rejected"


class SettingsError(MarketError):
    """A setting is missing or wrong."""

    code = "settings_error"
    exit_code = 12


class ProgramFailed(MarketError):
    """The program ran to an end of its own and was paid for; its exit code says that it failed."""

    code = "program_failed"
    status = 409
    exit_code = 13


class VersionSwitched(MarketError):
    """The daemon has ended so that another version of it is started: for whoever starts it again."""

    code = "version_switched"
    exit_code = 14


def all_error_classes() -> dict[str, type[MarketError]]:
    """Every class of the tree by its `code`."""
    found: dict[str, type[MarketError]] = {}
    waiting: list[type[MarketError]] = [MarketError]
    while waiting:
        cls = waiting.pop()
        found[cls.code] = cls
        waiting.extend(cls.__subclasses__())
    return found


def problem_from_error(error: MarketError) -> dict[str, Any]:
    """The RFC 9457 problem document of an error."""
    return {
        "type": PROBLEM_TYPE_PREFIX + error.code,
        "title": (type(error).__doc__ or "").split("\n")[0].rstrip("."),
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        "hint": error.hint,
        "values": error.values,
    }


def error_from_problem(problem: dict[str, Any]) -> MarketError:
    """The error that a problem document describes, of the class that was raised on the other side."""
    code = str(problem.get("code") or problem.get("type", "")).removeprefix(PROBLEM_TYPE_PREFIX)
    cls = all_error_classes().get(code, MarketError)
    error = cls.__new__(cls)
    MarketError.__init__(
        error, str(problem.get("detail", "")), hint=str(problem.get("hint", "")), **problem.get("values", {})
    )
    for name, value in problem.get("values", {}).items():
        if name in ("name", "args_"):
            setattr(error, name, value)
    return error
