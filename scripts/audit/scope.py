"""Which contracts hold money, and of what files they are made."""

_LIBRARIES = "contracts/libraries/{}.sol".format
_BASES = "contracts/base/{}.sol".format

MONEY: dict[str, tuple[str, ...]] = {
    "Escrow": (
        "contracts/Escrow.sol",
        *map(
            _BASES,
            ("Deposits", "Fees", "EscrowAccounts", "EscrowClaims", "EscrowFees", "EscrowLeases", "EscrowSettlement"),
        ),
        *map(
            _LIBRARIES,
            ("AccountLib", "FeeLib", "GroupLib", "MessageLib", "OrderLib", "QuorumLib", "SignatureLib", "WordListLib"),
        ),
    ),
    "ProviderStake": ("contracts/ProviderStake.sol",),
    "PaymentChannels": ("contracts/PaymentChannels.sol", _LIBRARIES("ChannelLib")),
    "OracleCommittee": ("contracts/OracleCommittee.sol",),
    "Prepaid": (
        "contracts/Prepaid.sol",
        *map(_BASES, ("PrepaidAccounts", "PrepaidNetting", "PrepaidWork")),
        *map(_LIBRARIES, ("EarningLib", "KeyLib", "NettingLib")),
    ),
}
"""Contracts that hold money, each with its own parts. Coverage is measured of them all, and all are instrumented."""

MUTATED = ("Escrow", "ProviderStake", "PaymentChannels")
"""Those whose tests are tested by mutants."""

TESTS = (
    "Escrow",
    "ProviderStake",
    "OracleCommittee",
    "PaymentChannels",
    "Prepaid",
    "Reputation",
    "BadInput",
    "Governance",
    "test_deployment.py",
    "test_silent_token.py",
)
"""What of tests/contracts runs against them: examples. Random sequences have a part of their own."""


def files_of(names: tuple[str, ...] = tuple(MONEY)) -> list[str]:
    """Their files, each once."""
    return list(dict.fromkeys(file for name in names for file in MONEY[name]))


def file_of(name: str) -> str:
    """The file that declares a contract."""
    return MONEY[name][0]
