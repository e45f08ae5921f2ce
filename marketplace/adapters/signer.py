"""The operator's key, as far as it signs what the market says of itself."""

from typing import Any

from marketplace.protocol.eip712 import Domain, TypedMessage


class KeySigner:
    """`ports.Signer`."""

    def __init__(self, domain: Domain, private_key: Any) -> None:
        self._domain, self._key = domain, private_key

    def sign(self, message: TypedMessage) -> str:
        """Its signature in the market's domain."""
        return message.sign(self._domain, self._key)
