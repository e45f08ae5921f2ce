"""Telling whether a market's database says what the chain says."""

from typing import TYPE_CHECKING

from marketplace.cli.output import talk
from marketplace.errors import ConflictError

if TYPE_CHECKING:
    from marketplace.domain.ledger import Comparison


def tell_comparison(found: "Comparison", where: str) -> None:
    """Say that chain and database are equal. Raises ConflictError where they are not, after all differences."""
    for difference in found.differences:
        talk().print(difference, soft_wrap=True)
    if found.at is None or not found.is_equal:
        raise ConflictError(
            f"The database{where} is not what the chain says.",
            hint="With the service stopped, `hive market rebuild` reads the chain anew.",
            differences=len(found.differences),
        )
    at = f"the chain says up to block {found.at.number}"
    talk().print(f"Equal: the database{where} says of {found.leases} leases what {at}.", soft_wrap=True)
