"""The way to a chain of scripts/testchain.js that is quicker than HTTP."""

import json
import socket
import threading
from typing import Any

from web3.providers import JSONBaseProvider

MOST_SECONDS = 600
"""For an answer; a batch of a thousand jobs takes a minute."""


class Lines(JSONBaseProvider):
    """A request a line over one connection: a tenth of what HTTP costs."""

    def __init__(self, port: int):
        super().__init__()
        self._connection = socket.create_connection(("127.0.0.1", port), MOST_SECONDS)
        self._file = self._connection.makefile("rwb")
        self._lock = threading.Lock()

    def make_request(self, method: str, params: Any) -> Any:
        """The chain's answer."""
        return self._ask(self.encode_rpc_request(method, params))

    def make_batch_request(self, batch_requests: Any) -> Any:
        """The chain's answers, in order."""
        return self._ask(self.encode_batch_rpc_request(batch_requests))

    def _ask(self, line: bytes) -> Any:
        with self._lock:
            try:
                self._file.write(line + b"\n")
                self._file.flush()
                answer = self._file.readline()
            except BaseException:  # an answer that nobody waited for would be taken for the next request's
                self.close()
                raise
        if not answer:
            raise ConnectionError("the chain has ended")
        return json.loads(answer)

    def close(self) -> None:
        """Ask no more."""
        self._file.close()
        self._connection.close()

    def is_connected(self, show_traceback: bool = False) -> bool:
        """As long as this process lives: the chain is gone when its user is gone."""
        return True
