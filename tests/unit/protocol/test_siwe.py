"""EIP-4361 messages: read strictly, written back the same, and signed by whom they name."""

import datetime

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st

from marketplace.errors import InvalidSignature, MalformedMessage
from marketplace.protocol.instants import format_instant, parse_instant
from marketplace.protocol.siwe import MAX_CHARACTERS, SiweMessage

OWNER = Account.from_key((7).to_bytes(32))
OF_THE_EIP = """example.com wants you to sign in with your Ethereum account:
0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2

I accept the ExampleOrg Terms of Service: https://example.com/tos

URI: https://example.com/login
Version: 1
Chain ID: 1
Nonce: 32891756
Issued At: 2021-09-30T16:25:24Z
Resources:
- ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/
- https://example.com/my-web2-claim.json"""
"""The first example of EIP-4361, section "Example Message"."""

UNRESERVED = "abcXYZ019-._~"
WORDS = st.text(UNRESERVED, min_size=1, max_size=20)
HOSTS = st.one_of(WORDS, st.just("[::1]"), st.builds("{}:{}".format, WORDS, st.integers(0, 65535)))
URIS = st.builds("{}://{}/{}".format, st.sampled_from(["https", "did", "ipfs+x"]), HOSTS, WORDS)
INSTANTS = st.integers(-2_208_988_800, 253_402_300_799).map(format_instant)
MESSAGES = st.builds(
    SiweMessage,
    domain=HOSTS,
    address=st.just(OWNER.address),
    uri=URIS,
    chain_id=st.integers(0, 10**19),
    nonce=st.text("abcXYZ019", min_size=8, max_size=70),
    issued_at=INSTANTS,
    scheme=st.none() | st.sampled_from(["https", "http"]),
    statement=st.none() | st.text(UNRESERVED + " :/?#[]@!$&'()*+,;=", min_size=1, max_size=60),
    expiration_time=st.none() | INSTANTS,
    not_before=st.none() | INSTANTS,
    request_id=st.none() | st.text(UNRESERVED, max_size=20),
    resources=st.none() | st.lists(URIS, max_size=3).map(tuple),
)


def test_the_example_of_the_eip_is_read_and_written_back():
    message = SiweMessage.parse(OF_THE_EIP)
    assert message.text() == OF_THE_EIP
    assert (message.domain, message.chain_id, message.nonce) == ("example.com", 1, "32891756")
    assert message.resources is not None and len(message.resources) == 2 and message.uri_authority == "example.com"


@given(MESSAGES)
def test_what_is_written_is_read_as_the_same_message(message):
    assert SiweMessage.parse(message.text()) == message


@given(MESSAGES, st.data())
def test_what_is_read_is_written_back_to_the_letter_whatever_was_changed(message, data):
    text = message.text()
    at = data.draw(st.integers(0, len(text)))
    changed = text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 3)) :]
    try:
        read = SiweMessage.parse(changed)
    except MalformedMessage:
        return
    assert read.text() == changed


@given(st.text(max_size=300))
def test_any_text_is_a_message_or_a_refusal(text):
    try:
        assert SiweMessage.parse(text).text() == text
    except MalformedMessage as error:
        assert error.values["field"].startswith("message")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("example.com wants", "user@example.com wants", "its lines"),
        ("example.com wants", " wants", "its lines"),
        (" wants you to sign in with your Ethereum account:", " asks:", "first line"),
        ("0xC02a", "0xc02a", "EIP-55"),
        ("Version: 1", "Version: 2", "version 1"),
        ("Chain ID: 1", "Chain ID: 01", "write 1"),
        ("Chain ID: 1\n", "", "`Chain ID: "),
        ("32891756", "3289", "its lines"),
        ("2021-09-30T16:25:24Z", "2021-09-31T16:25:24Z", "there is not"),
        ("2021-09-30T16:25:24Z", "30 September 2021 16:25", "its lines"),
        ("\nResources", "\nNonce: 32891757\nResources", "its lines"),
        ("- ipfs", "-ipfs", "its lines"),
        ("\n\nI accept", "\nI accept", "its lines"),
        ("tos\n", "tos\r\n", "its lines"),
    ],
)
def test_what_the_grammar_does_not_have_is_refused_with_a_reason(old, new, told):
    assert old in OF_THE_EIP
    with pytest.raises(MalformedMessage, match=told):
        SiweMessage.parse(OF_THE_EIP.replace(old, new))


def test_a_message_beyond_the_limit_is_refused_unread():
    with pytest.raises(MalformedMessage, match=str(MAX_CHARACTERS)):
        SiweMessage.parse("a" * (MAX_CHARACTERS + 1))


def test_the_signer_is_recovered_and_a_changed_message_has_another():
    text = OF_THE_EIP.replace("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", OWNER.address)
    signed = Account.sign_message(encode_defunct(text=text), OWNER.key)
    signature = "0x" + bytes(signed.signature).hex()
    assert SiweMessage.parse(text).recover(signature) == OWNER.address
    assert SiweMessage.parse(text).digest() == "0x" + bytes(signed.message_hash).hex()
    assert SiweMessage.parse(text.replace("32891756", "32891757")).recover(signature) != OWNER.address
    for spoiled in ("0x", signature[:-2], "0xzz", signature[:66] + "ff" * 32 + signature[-2:]):
        with pytest.raises(InvalidSignature):
            SiweMessage.parse(text).recover(spoiled)


@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_instants_agree_with_the_calendar_of_the_standard_library(at):
    since = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=at)
    assert (
        format_instant(at) == f"{since.replace(tzinfo=None).isoformat()}Z" and parse_instant(format_instant(at)) == at
    )


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2021-09-30T16:25:24.999Z", "2021-09-30T16:25:24Z"),
        ("2021-09-30T18:25:24+02:00", "2021-09-30T16:25:24Z"),
        ("2021-09-30t14:55:24-01:30", "2021-09-30T16:25:24Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
    ],
)
def test_offsets_fractions_and_leap_seconds_are_read(text, same):
    assert parse_instant(text) == parse_instant(same)


@pytest.mark.parametrize("text", ["", "2021-02-29T00:00:00Z", "2021-01-01T24:00:00Z", "2021-01-01 00:00:00Z", "now"])
def test_what_is_no_instant_is_refused(text):
    with pytest.raises(ValueError, match=r"instant|is a day"):
        parse_instant(text)
