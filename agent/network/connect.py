"""HTTP's CONNECT as far as a job needs it (RFC 9110 §9.3.6, RFC 9112 §3.2.3): a pure parser, and what is answered.

Nothing but CONNECT: a proxy that takes whole requests has to read and rewrite what a job says.
"""

import re
from http import HTTPStatus

MAX_HEAD_BYTES = 8_192
END = b"\r\n\r\n"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_REQUEST_LINE = re.compile(rb"([A-Za-z]{1,20}) (\S{1,2048}) HTTP/1\.[01]")
_AUTHORITY = re.compile(rb"([A-Za-z0-9.-]{1,253}):([1-9][0-9]{0,4})")
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00\r\n]*")


class Refusal(Exception):
    """Why there is no connection, as the job is told."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason

    def response(self) -> bytes:
        """A whole answer, after which the connection ends.

        The reason stands in `Proxy-Status` (RFC 9209) too: clients show the header of a refused tunnel, not its body.
        """
        body = f"{self.reason}\n".encode()
        allow = "Allow: CONNECT\r\n" if self.status is HTTPStatus.METHOD_NOT_ALLOWED else ""
        head = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\n{allow}Content-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n"
            f'Proxy-Status: computehive; details="{_quoted(self.reason)}"\r\n\r\n'
        )
        return head.encode() + body


def _quoted(text: str) -> str:
    """What may stand in a string of RFC 8941 §3.3.3: printable ASCII, of which two characters are escaped."""
    plain = "".join(each if " " <= each <= "~" else "?" for each in text)
    return plain.replace("\\", "\\\\").replace('"', '\\"')


def parse_connect(head: bytes) -> str:
    """The destination, `HOST:PORT` with the host in lower case, that a request's head (to its empty line) asks for.

    Raises Refusal. What the head says beside is not looked at, but has to be fields: a head that two readers could
    take for two things is refused.
    """
    if len(head) > MAX_HEAD_BYTES:
        raise Refusal(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"More than {MAX_HEAD_BYTES} bytes before the tunnel."
        )
    if not head.endswith(END):
        raise Refusal(HTTPStatus.BAD_REQUEST, "The request's head does not end with an empty line.")
    line, *fields = head.removesuffix(END).split(b"\r\n")
    request = _REQUEST_LINE.fullmatch(line)
    if request is None or not all(map(_FIELD.fullmatch, fields)):
        raise Refusal(HTTPStatus.BAD_REQUEST, "That is no HTTP/1.1 request.")
    if request[1] != b"CONNECT":
        raise Refusal(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "Only CONNECT: use https, or have your client tunnel (curl: --proxytunnel).",
        )
    authority = _AUTHORITY.fullmatch(request[2])
    if authority is None:
        raise Refusal(HTTPStatus.BAD_REQUEST, "Expected CONNECT HOST:PORT, a name and a port.")
    return f"{authority[1].decode().lower()}:{authority[2].decode()}"
