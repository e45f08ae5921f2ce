"""Standard Webhooks: signatures as the specification's own, and what a receiver refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.errors import InvalidSignature, MalformedMessage
from marketplace.protocol.webhooks import (
    TOLERANCE_SECONDS,
    format_secret,
    parse_secret,
    require_webhook,
    sign_webhook,
)

SECRET, ID, AT = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330
BODY, SIGNATURE = b'{"test": 2432232314}', "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
"""The vector of the reference libraries (github.com/standard-webhooks/standard-webhooks)."""


def test_the_vector_of_the_reference_libraries():
    assert sign_webhook(parse_secret(SECRET), ID, AT, BODY) == SIGNATURE
    require_webhook(parse_secret(SECRET), ID, AT, BODY, f"v1,bad v2,other {SIGNATURE}", AT + TOLERANCE_SECONDS)


@given(st.binary(min_size=24, max_size=64), st.text(max_size=40), st.integers(0, 2**40), st.binary(max_size=200))
def test_what_is_signed_is_accepted_and_nothing_else(key, name, at, body):
    assert parse_secret(format_secret(key)) == key
    signature = sign_webhook(key, name, at, body)
    require_webhook(key, name, at, body, signature, at)
    for wrong in ((key + b"x", name, at, body), (key, name + "x", at, body), (key, name, at, body + b" ")):
        with pytest.raises(InvalidSignature):
            require_webhook(*wrong, signature, at)


@pytest.mark.parametrize("now", [AT - TOLERANCE_SECONDS - 1, AT + TOLERANCE_SECONDS + 1])
def test_what_is_too_old_or_lies_ahead_is_refused(now):
    with pytest.raises(InvalidSignature, match=str(AT)):
        require_webhook(parse_secret(SECRET), ID, AT, BODY, SIGNATURE, now)


def test_a_secret_that_is_none_is_not_repeated_in_the_refusal():
    with pytest.raises(MalformedMessage) as refused:
        parse_secret("whsec_not base64!")
    assert "not base64!" not in str(refused.value)
