"""EIP-712 typed data, derived from one declaration per message.

A message is a frozen pydantic model whose fields carry their Solidity type; from that one declaration follow the
JSON form (camelCase, `uint64` and wider as decimal strings because JavaScript numbers end at 2^53), the EIP-712
type string, the struct hash, the digest and the tuple for a contract call. Source: EIP-712, EIP-191, EIP-2 (low s).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Annotated, Any, ClassVar, Self, get_args, get_origin

from eth_account import Account
from eth_account.messages import SignableMessage
from eth_utils import is_hex_address, keccak
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, WithJsonSchema
from pydantic.alias_generators import to_camel

from marketplace.errors import InvalidSignature, MalformedMessage
from marketplace.protocol.encoding import MOST_ADDRESSES, checksum, recover_account, word_encoder

DOMAIN_NAME = "ComputeHive"
DOMAIN_VERSION = "1"
_DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_DOMAIN_FIELDS = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]
_SECP256K1_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
SIGNATURE_BYTES = 65


@dataclass(frozen=True, slots=True)
class SolType:
    """The Solidity type of a field, as metadata on its annotation."""

    name: str


def _parse_integer(value: Any) -> Any:
    if isinstance(value, bool | float):
        raise ValueError("expected an integer or a decimal string")
    if isinstance(value, str):
        if not (value.isascii() and value.removeprefix("-").isdigit()):
            raise ValueError("expected an integer or a decimal string")
        return int(value)
    return value


def _parse_address(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("expected an address: 0x and 40 hex digits")
    return _checked_address(value)


@lru_cache(maxsize=MOST_ADDRESSES)
def _checked_address(value: str) -> str:
    """The same accounts come again and again, and each check hashes."""
    if not is_hex_address(value) or not value.startswith("0x"):
        raise ValueError("expected an address: 0x and 40 hex digits")
    checksummed = checksum(value)
    if value[2:] not in (value[2:].lower(), value[2:].upper(), checksummed[2:]):
        raise ValueError(f"the EIP-55 checksum does not hold; expected {checksummed}")
    return checksummed


def _parse_bytes32(value: Any) -> Any:
    if isinstance(value, bytes) and len(value) == 32:
        return "0x" + value.hex()
    if not isinstance(value, str) or len(value) != 66 or not value.startswith("0x"):
        raise ValueError("expected 32 bytes: 0x and 64 hex digits")
    if not all(digit in "0123456789abcdefABCDEF" for digit in value[2:]):
        raise ValueError("expected 32 bytes: 0x and 64 hex digits")
    return value.lower()


_as_string = PlainSerializer(str, return_type=str, when_used="json")


def _integer(bits: int, *, signed: bool = False) -> Any:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return (BeforeValidator(_parse_integer), Field(ge=low, le=high), SolType(f"{'int' if signed else 'uint'}{bits}"))


def _wide(bits: int) -> Any:
    """Decimal strings on the way out; on the way in numbers are good too, which the JSON Schema has to say."""
    number, text = {"type": "integer", "minimum": 0, "maximum": 2**bits - 1}, {"type": "string", "pattern": "^[0-9]+$"}
    return (*_integer(bits), _as_string, WithJsonSchema({"anyOf": [text, number]}, mode="validation"))


def _hex_string(digits: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^0x[0-9a-fA-F]{{{digits}}}$"})


Address = Annotated[str, BeforeValidator(_parse_address), SolType("address"), _hex_string(40)]
Bytes32 = Annotated[str, BeforeValidator(_parse_bytes32), SolType("bytes32"), _hex_string(64)]
Bool = Annotated[bool, SolType("bool")]
String = Annotated[str, Field(max_length=1024), SolType("string")]
Uint8 = Annotated[int, *_integer(8)]
Uint16 = Annotated[int, *_integer(16)]
Uint32 = Annotated[int, *_integer(32)]
Uint40 = Annotated[int, *_integer(40)]
Uint48 = Annotated[int, *_integer(48)]
Int32 = Annotated[int, *_integer(32, signed=True)]
Uint40 = Annotated[int, *_integer(40)]
Uint64 = Annotated[int, *_wide(64)]
Uint128 = Annotated[int, *_wide(128)]
Uint256 = Annotated[int, *_wide(256)]


@dataclass(frozen=True, slots=True)
class Domain:
    """Which chain and which contract a signature is for."""

    name: ClassVar[str] = DOMAIN_NAME
    version: ClassVar[str] = DOMAIN_VERSION

    chain_id: int
    escrow: str

    def separator(self) -> bytes:
        """The 32-byte EIP-712 domain separator."""
        return _separator(self)

    def as_json(self) -> dict[str, Any]:
        """The domain as wallets expect it in `eth_signTypedData_v4`."""
        return {
            "name": self.name,
            "version": self.version,
            "chainId": self.chain_id,
            "verifyingContract": self.escrow,
        }


@lru_cache(maxsize=64)
def _separator(domain: Domain) -> bytes:
    chain, escrow = word_encoder("uint256")(domain.chain_id), word_encoder("address")(domain.escrow)
    return keccak(keccak(_DOMAIN_TYPE) + keccak(text=domain.name) + keccak(text=domain.version) + chain + escrow)


class TypedMessage(BaseModel):
    """Base of everything that is signed: immutable, no unknown fields, hashed field by field in declared order."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)
    signer_field: ClassVar[str | None] = None
    """The field that names who must sign; None where another record says so."""

    @classmethod
    def parse(cls, document: Any) -> Self:
        """The message in a JSON document. Raises MalformedMessage naming the first offending field."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or cls.__name__
            raise MalformedMessage(f"{cls.__name__}.{field}", first["msg"]) from error

    def to_json(self) -> dict[str, Any]:
        """The JSON form: camelCase, wide integers as decimal strings."""
        return self.model_dump(mode="json", by_alias=True)

    @classmethod
    def solidity_fields(cls) -> list[tuple[str, str]]:
        """(name, Solidity type) of every field, in signing order."""
        return [(info.alias or name, _solidity_type(cls, name)) for name, info in cls.model_fields.items()]

    @classmethod
    def type_string(cls) -> str:
        """`encodeType` of EIP-712: this struct, then the structs it refers to, alphabetically."""
        own = f"{cls.__name__}({','.join(f'{kind} {name}' for name, kind in cls.solidity_fields())})"
        nested = {item.__name__: item for item in map(_array_item, _annotations(cls)) if item is not None}
        return own + "".join(nested[name].type_string() for name in sorted(nested))

    @classmethod
    def typed_data_types(cls) -> dict[str, list[dict[str, str]]]:
        """The `types` object of `eth_signTypedData_v4`, without EIP712Domain."""
        types = {cls.__name__: [{"name": name, "type": kind} for name, kind in cls.solidity_fields()]}
        for item in filter(None, map(_array_item, _annotations(cls))):
            types |= item.typed_data_types()
        return types

    def as_tuple(self) -> tuple[Any, ...]:
        """The values in order, as an ABI-encoded call to the contract takes them."""
        return tuple(_abi_value(getattr(self, name)) for name in type(self).model_fields)

    def struct_hash(self) -> str:
        """`hashStruct` of EIP-712, 0x-hex. For a Bid or an Ask this is its identity."""
        type_hash, fields = _layout(type(self))
        return "0x" + keccak(type_hash + b"".join(encode(getattr(self, name)) for name, encode in fields)).hex()

    def typed_data(self, domain: Domain) -> dict[str, Any]:
        """The whole document that a wallet signs with `eth_signTypedData_v4`."""
        return {
            "types": {"EIP712Domain": _DOMAIN_FIELDS, **self.typed_data_types()},
            "primaryType": type(self).__name__,
            "domain": domain.as_json(),
            "message": self.to_json(),
        }

    def signable(self, domain: Domain) -> SignableMessage:
        """The EIP-191 version-1 message to sign or recover from."""
        return SignableMessage(b"\x01", domain.separator(), bytes.fromhex(self.struct_hash()[2:]))

    def digest(self, domain: Domain) -> str:
        """The 32 bytes that are signed, 0x-hex."""
        return "0x" + self._digest(domain).hex()

    def _digest(self, domain: Domain) -> bytes:
        return keccak(b"\x19\x01" + domain.separator() + bytes.fromhex(self.struct_hash()[2:]))

    def sign(self, domain: Domain, private_key: Any) -> str:
        """A 65-byte signature, 0x-hex."""
        signed = Account.sign_message(self.signable(domain), private_key)
        return "0x" + bytes(signed.signature).hex()

    def recover(self, domain: Domain, signature: str) -> str:
        """The address whose key made `signature` over this message.

        Raises InvalidSignature for a signature that is not 65 bytes, not low-s (EIP-2) or recovers nothing.
        """
        raw = signature_bytes(signature)
        try:
            account = recover_account(self._digest(domain), raw)
        except Exception as error:  # the curve's library raises several unrelated classes for a point off the curve
            raise InvalidSignature("The signature recovers no account.", signature=signature) from error
        return checksum("0x" + account.hex())


def signature_bytes(signature: str) -> bytes:
    """A key's signature, from hex. Raises InvalidSignature unless it is 65 bytes in canonical form (EIP-2)."""
    try:
        raw = bytes.fromhex(signature.removeprefix("0x"))
    except ValueError as error:
        raise InvalidSignature("The signature is not hexadecimal.", signature=signature) from error
    if len(raw) != SIGNATURE_BYTES:
        raise InvalidSignature(
            f"The signature has {len(raw)} bytes; expected {SIGNATURE_BYTES} (r, s, v).", signature=signature
        )
    if int.from_bytes(raw[32:64]) > _SECP256K1_HALF_ORDER or raw[64] not in (27, 28):
        raise InvalidSignature(
            "The signature is not in canonical form (low s, v 27 or 28; EIP-2).", signature=signature
        )
    return raw


def _annotations(cls: type[BaseModel]) -> list[Any]:
    return [info.annotation for info in cls.model_fields.values()]


def _array_item(annotation: Any) -> type[TypedMessage] | None:
    """The struct of an array of structs; None for anything else."""
    if get_origin(annotation) is not tuple:
        return None
    item = get_args(annotation)[0]
    return item if isinstance(item, type) else None


@cache
def _layout(cls: type[TypedMessage]) -> tuple[bytes, tuple[tuple[str, Callable[[Any], bytes]], ...]]:
    """The hash of a message's type, and what makes a word of each of its fields: the same for every message of it."""
    names = zip(cls.solidity_fields(), cls.model_fields, strict=True)
    fields = tuple((name, _field_encoder(kind)) for (_, kind), name in names)
    return keccak(text=cls.type_string()), fields


def _field_encoder(kind: str) -> Callable[[Any], bytes]:
    if not kind.endswith("[]"):
        return word_encoder(kind)
    return lambda items: keccak(b"".join(_element(item, kind[:-2]) for item in items))


def _element(item: Any, kind: str) -> bytes:
    """One element of an array as it is hashed: a struct's hash, or the encoded word."""
    return bytes.fromhex(item.struct_hash()[2:]) if isinstance(item, TypedMessage) else word_encoder(kind)(item)


def _solidity_type(cls: type[BaseModel], name: str) -> str:
    info = cls.model_fields[name]
    for meta in info.metadata:
        if isinstance(meta, SolType):
            return meta.name
    item = _array_item(info.annotation)
    if item is not None:
        return f"{item.__name__}[]"
    if get_origin(info.annotation) is tuple:
        for meta in get_args(get_args(info.annotation)[0])[1:]:
            if isinstance(meta, SolType):
                return f"{meta.name}[]"
    raise TypeError(f"{cls.__name__}.{name} declares no Solidity type")


def _abi_value(value: Any) -> Any:
    if isinstance(value, str) and len(value) == 66:
        return bytes.fromhex(value[2:])
    if isinstance(value, tuple):
        return [item.as_tuple() if isinstance(item, TypedMessage) else _abi_value(item) for item in value]
    return value
