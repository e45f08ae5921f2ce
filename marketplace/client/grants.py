"""Keys of private jobs, encrypted to their holders, as calls of the market."""

from typing import TYPE_CHECKING

from marketplace.client.calls import API, Calls, Document, items

if TYPE_CHECKING:
    from marketplace.protocol.privacy import KeyGrant, KeyOffer


class GrantCalls(Calls):
    """A part of `MarketClient`."""

    def post_grant(self, grant: "KeyGrant", signature: str, ciphertext: bytes) -> Document:
        """Give a job's key to one holder; again, to give another in its place."""
        body = {"grant": grant.to_json(), "signature": signature, "ciphertext": "0x" + ciphertext.hex()}
        return self._post(f"{API}/jobs/{grant.job_id}/grants", body, repeatable=True)

    def grants(self, job_id: str, holder: str | None = None) -> list[Document]:
        """`{grant, signer, signature, ciphertext}` of each, oldest first: of one holder, or all."""
        return items(self._get(f"{API}/jobs/{job_id}/grants", holder=holder), "grants")

    def post_oracle_key(self, offer: "KeyOffer", signature: str) -> Document:
        """An oracle's public key, in place of an older one."""
        return self._post(f"{API}/oracle/keys", {"offer": offer.to_json(), "signature": signature}, repeatable=True)

    def oracle_keys(self) -> list[Document]:
        """`{offer, signature}` of each oracle that has said what its key is."""
        return items(self._get(f"{API}/oracle/keys"), "keys")
