"""How a model says that the contract must refuse a call."""


class Refused(Exception):
    """The call must revert with this custom error."""


def refuse_if(condition: bool, error: str) -> None:
    """Raises Refused(error) if the condition holds."""
    if condition:
        raise Refused(error)
