"""Sign-In with Ethereum (EIP-4361): the text that a wallet shows and signs, read strictly and written back the same.

The grammar is the EIP's ABNF: `parse` takes exactly what it describes, and for everything it takes,
`parse(text).text() == text`. So what was shown to a person is what was understood here.
"""

import re
from dataclasses import dataclass

from eth_account import Account
from eth_account.messages import defunct_hash_message, encode_defunct
from eth_utils import to_checksum_address

from marketplace.errors import InvalidSignature, MalformedMessage
from marketplace.protocol.eip712 import signature_bytes
from marketplace.protocol.instants import parse_instant

MAX_CHARACTERS = 4_000
VERSION = "1"

_UNRESERVED, _SUB_DELIMS = r"A-Za-z0-9._~\-", r"!$&'()*+,;="
_PCHAR = rf"(?:[{_UNRESERVED}{_SUB_DELIMS}:@]|%[0-9A-Fa-f]{{2}})"
_HOST = rf"(?:\[[0-9A-Fa-f:.]{{2,45}}\]|[{_UNRESERVED}]+)"
_AUTHORITY = rf"{_HOST}(?::[0-9]{{1,5}})?"
"""RFC 3986's, without user information: nobody signs in to `user@host`, and it is what look-alikes are made of."""
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]{0,31}"
_URI = rf"{_SCHEME}:(?:{_PCHAR}|[/?#\[\]])*"
_INSTANT = r"[0-9TtZz:.+-]{20,40}"
_TEXT = re.compile(
    rf"(?:(?P<scheme>{_SCHEME})://)?(?P<domain>{_AUTHORITY}) wants you to sign in with your Ethereum account:\n"
    r"(?P<address>0x[0-9A-Fa-f]{40})\n\n"
    rf"(?:(?P<statement>[{_UNRESERVED}:/?#\[\]@{_SUB_DELIMS} ]+)\n)?\n"
    rf"URI: (?P<uri>{_URI})\n"
    r"Version: (?P<version>[0-9]{1,9})\n"
    r"Chain ID: (?P<chain_id>[0-9]{1,20})\n"
    r"Nonce: (?P<nonce>[A-Za-z0-9]{8,200})\n"
    rf"Issued At: (?P<issued_at>{_INSTANT})"
    rf"(?:\nExpiration Time: (?P<expiration_time>{_INSTANT}))?"
    rf"(?:\nNot Before: (?P<not_before>{_INSTANT}))?"
    rf"(?:\nRequest ID: (?P<request_id>{_PCHAR}*))?"
    rf"(?:\nResources:(?P<resources>(?:\n- {_URI})*))?"
)
_URI_AUTHORITY = re.compile(rf"({_SCHEME})://({_AUTHORITY})(?:[/?#]|$)")
_FIELDS = ("URI", "Version", "Chain ID", "Nonce", "Issued At")


@dataclass(frozen=True, slots=True)
class SiweMessage:
    """A message as EIP-4361 writes it; instants are kept as they were written."""

    domain: str
    """Who asks for the signature: an authority, `HOST[:PORT]`."""
    address: str
    """With its EIP-55 checksum."""
    uri: str
    chain_id: int
    nonce: str
    issued_at: str
    scheme: str | None = None
    statement: str | None = None
    expiration_time: str | None = None
    not_before: str | None = None
    request_id: str | None = None
    resources: tuple[str, ...] | None = None

    @classmethod
    def parse(cls, text: str) -> "SiweMessage":
        """Raises MalformedMessage naming the first line that is not as the EIP's grammar says."""
        if len(text) > MAX_CHARACTERS:
            raise MalformedMessage("message", f"has {len(text)} characters; {MAX_CHARACTERS} are the most")
        found = _TEXT.fullmatch(text)
        if found is None:
            raise MalformedMessage("message", f"is no EIP-4361 message: {_why(text)}")
        parts = found.groupdict()
        version, resources = parts.pop("version"), parts.pop("resources")
        listed = None if resources is None else tuple(line[2:] for line in resources.split("\n")[1:])
        message = cls(**parts | {"chain_id": int(parts["chain_id"]), "resources": listed})
        _require_well_formed(message, parts["chain_id"], version)
        return message

    def text(self) -> str:
        """The very text to sign."""
        origin = f"{self.scheme}://{self.domain}" if self.scheme is not None else self.domain
        lines = [f"{origin} wants you to sign in with your Ethereum account:", self.address, ""]
        lines += [self.statement] if self.statement is not None else []
        lines += ["", f"URI: {self.uri}", f"Version: {VERSION}", f"Chain ID: {self.chain_id}", f"Nonce: {self.nonce}"]
        lines.append(f"Issued At: {self.issued_at}")
        more = {
            "Expiration Time": self.expiration_time,
            "Not Before": self.not_before,
            "Request ID": self.request_id,
        }
        lines += [f"{name}: {value}" for name, value in more.items() if value is not None]
        if self.resources is not None:
            lines += ["Resources:", *(f"- {each}" for each in self.resources)]
        return "\n".join(lines)

    def digest(self) -> str:
        """What is signed, as an ERC-1271 account is asked about it: the EIP-191 digest, 0x and 64 hex digits."""
        return "0x" + bytes(defunct_hash_message(text=self.text())).hex()

    def recover(self, signature: str) -> str:
        """The account whose key signed. Raises InvalidSignature where it is not 65 bytes, not low-s, or nobody's."""
        raw = signature_bytes(signature)
        try:
            return Account.recover_message(encode_defunct(text=self.text()), signature=raw)
        except Exception as error:  # as in `TypedMessage.recover`
            raise InvalidSignature("The signature recovers no account.", signature=signature) from error

    @property
    def uri_authority(self) -> str:
        """`HOST[:PORT]` of the URI; empty where it has none."""
        found = _URI_AUTHORITY.match(self.uri)
        return found[2] if found else ""


def _require_well_formed(message: SiweMessage, chain_id: str, version: str) -> None:
    """What a grammar cannot say. Raises MalformedMessage."""
    if version != VERSION:
        raise MalformedMessage("message.Version", f"is {version}; there is only version {VERSION}")
    if str(message.chain_id) != chain_id:
        raise MalformedMessage("message.Chain ID", f"is written {chain_id}; write {message.chain_id}")
    if to_checksum_address(message.address) != message.address:
        raise MalformedMessage("message.address", f"{message.address} has not its EIP-55 checksum")
    times = (
        ("Issued At", message.issued_at),
        ("Expiration Time", message.expiration_time),
        ("Not Before", message.not_before),
    )
    for name, value in times:
        try:
            parse_instant(value if value is not None else message.issued_at)
        except ValueError as error:
            raise MalformedMessage(f"message.{name}", str(error)) from error


def _why(text: str) -> str:
    """A hint at what is not there."""
    lines = text.split("\n")
    if not lines[0].endswith(" wants you to sign in with your Ethereum account:"):
        return "the first line is not `DOMAIN wants you to sign in with your Ethereum account:`"
    missing = [name for name in _FIELDS if not any(line.startswith(f"{name}: ") for line in lines)]
    return f"there is no line `{missing[0]}: …`" if missing else "its lines, their order or their characters differ"
