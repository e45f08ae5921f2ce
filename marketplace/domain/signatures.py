"""Who signed what: keys by recovery, contracts by ERC-1271. The one rule of market, agents and clients."""

from collections.abc import Callable
from typing import Protocol

from marketplace.errors import InvalidSignature
from marketplace.protocol.eip712 import Domain, TypedMessage
from marketplace.protocol.messages import Ask, require_signed_by


class Accounts(Protocol):
    """What is asked of the chain. Both raise ChainUnavailable."""

    def has_code(self, account: str) -> bool: ...
    def is_valid_contract_signature(self, account: str, digest: str, signature: str) -> bool: ...


def require_signature(accounts: Accounts, domain: Domain, message: TypedMessage, signer: str, signature: str) -> None:
    """Raises InvalidSignature unless `signer`, a key or an ERC-1271 contract, signed `message`; ChainUnavailable."""
    try:
        require_signed_by(message, signer, domain, signature)
    except InvalidSignature:
        if not accounts.has_code(signer):
            raise
    else:
        return
    if not accounts.is_valid_contract_signature(signer, message.digest(domain), signature):
        raise InvalidSignature(
            f"The account contract {signer} does not accept this signature of the {type(message).__name__}.",
            hint="Its isValidSignature (ERC-1271) must return 0x1626ba7e for the message's digest.",
            expected=signer,
        )


def require_ask_signature(
    accounts: Accounts, domain: Domain, ask: Ask, signature: str, is_agent: Callable[[str, str], bool]
) -> None:
    """Raises InvalidSignature unless the provider signed, or the agent that the ask names and it delegated.

    `is_agent(provider, agent)` says whether it did. Raises ChainUnavailable, and what `is_agent` raises.
    """
    if is_signed_by(ask, ask.agent, domain, signature) and is_agent(ask.provider, ask.agent):
        return
    require_signature(accounts, domain, ask, ask.provider, signature)


def is_signed_by(message: TypedMessage, signer: str, domain: Domain, signature: str) -> bool:
    """Whether `signer`'s own key signed `message` for `domain`."""
    try:
        require_signed_by(message, signer, domain, signature)
    except InvalidSignature:
        return False
    return True
