"""What a renter trusts of trusted execution environments: the part `tee` of a job specification.

A measurement is what the processor signs about what runs inside: hex, as tools print it, with `0x` before it.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

MOST_ALLOWED = 16

Sha384 = Annotated[str, Field(pattern=r"^0x[0-9a-f]{96}$")]
Sha256 = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
TcbStatus = Literal[
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
]
"""What Intel says of a platform's microcode and firmware (PCS API, `tcbStatus`). `Revoked` is never accepted."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class TdxGuest(_Document):
    """A virtual machine under Intel TDX whose quotes a renter believes.

    `mrtd` is the firmware alone: who allows any kernel after it (`rtmr1`) or any command line and first disk (`rtmr2`)
    allows everything, so these two have no default.
    """

    technology: Literal["tdx"] = "tdx"
    mrtd: Sha384
    rtmr0: Sha384 | None = None
    """The virtual hardware; it changes with memory and processors. None: any."""
    rtmr1: Sha384
    rtmr2: Sha384
    rtmr3: Sha384 | None = None
    """What the guest itself extends while it runs. None: any."""


class SgxEnclave(_Document):
    """An Intel SGX enclave whose quotes a renter believes: this very one, or any of one signer's product."""

    technology: Literal["sgx"] = "sgx"
    mrenclave: Sha256 | None = None
    mrsigner: Sha256 | None = None
    isv_prod_id: Annotated[int, Field(ge=0, lt=2**16)] | None = None
    """Which product of the signer."""
    min_isv_svn: Annotated[int, Field(ge=0, lt=2**16)] = 0
    """The least security version."""

    @model_validator(mode="after")
    def _names_something(self) -> "SgxEnclave":
        if self.mrenclave is None and (self.mrsigner is None or self.isv_prod_id is None):
            raise ValueError("expected mrenclave, or mrsigner with isvProdId")
        return self


class TeeTrust(_Document):
    """Evidence that a renter takes for its job: of one of these, on a platform in one of these states."""

    allowed: Annotated[
        tuple[Annotated[TdxGuest | SgxEnclave, Field(discriminator="technology")], ...],
        Field(min_length=1, max_length=MOST_ALLOWED),
    ]
    tcb_statuses: Annotated[tuple[TcbStatus, ...], Field(min_length=1, max_length=6)] = ("UpToDate",)

    @property
    def technologies(self) -> frozenset[str]:
        """Those of what is allowed, as `requirements.tees` names them."""
        return frozenset(one.technology for one in self.allowed)
