"""Who signed what: keys by recovery, contracts by ERC-1271."""

from marketplace.errors import InvalidSignature
from marketplace.ports import Chain
from marketplace.protocol.eip712 import TypedMessage
from marketplace.protocol.messages import require_signed_by


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
