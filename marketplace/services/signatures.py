"""Who signed what: keys by recovery, contracts by ERC-1271."""

from marketplace.errors import InvalidSignature
from marketplace.ports import Chain
from marketplace.protocol.eip712 import Domain, TypedMessage
from marketplace.protocol.messages import Ask, require_signed_by


def require_signature(chain: Chain, message: TypedMessage, signer: str, signature: str) -> None:
    """Raises InvalidSignature unless `signer`, a key or an ERC-1271 contract, signed `message`; ChainUnavailable."""
    try:
        require_signed_by(message, signer, chain.domain, signature)
    except InvalidSignature:
        if not chain.has_code(signer):
            raise
    else:
        return
    if not chain.is_valid_contract_signature(signer, message.digest(chain.domain), signature):
        raise InvalidSignature(
            f"The account contract {signer} does not accept this signature of the {type(message).__name__}.",
            hint="Its isValidSignature (ERC-1271) must return 0x1626ba7e for the message's digest.",
            expected=signer,
        )


def require_ask_signature(chain: Chain, ask: Ask, signature: str) -> None:
    """Raises InvalidSignature unless the provider signed, or the agent that the ask names and it delegated.

    Raises ChainUnavailable.
    """
    try:
        require_signature(chain, ask, ask.provider, signature)
    except InvalidSignature:
        if not is_signed_by(ask, ask.agent, chain.domain, signature) or not chain.is_agent(ask.provider, ask.agent):
            raise


def is_signed_by(message: TypedMessage, signer: str, domain: Domain, signature: str) -> bool:
    """Whether `signer`'s own key signed `message` for `domain`."""
    try:
        require_signed_by(message, signer, domain, signature)
    except InvalidSignature:
        return False
    return True
