"""Where in a market's history an answer stands: a number that only grows, in a field of answers and requests.

A client that sends the highest one that it was told is never shown anything older, whichever process of the market and
whichever replica of its database answers. Without it the market goes by the client's address.
"""

import re

from marketplace.errors import MalformedMessage

POSITION = "ComputeHive-Position"
"""The field's name."""
REMEMBERED_SECONDS = 600
"""For how long a client remembers one: no replica that is further behind is ever asked."""
_FORM = re.compile(r"[0-9]{1,20}")


def parse_position(text: str) -> int:
    """What the field says. Raises MalformedMessage."""
    if not _FORM.fullmatch(text):
        raise MalformedMessage(POSITION, "expected the number that an answer of this market had there", given=text[:40])
    return int(text)
