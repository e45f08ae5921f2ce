"""What the client's groups of calls have in common."""

from typing import Any

from marketplace.client.transport import Transport

API = "/api/v1"
Document = dict[str, Any]


class Calls:
    """Calls over one transport, which the class that has them all sets."""

    _transport: Transport

    def _get(self, path: str, **params: Any) -> Any:
        return self._transport.json("GET", path, params=params)

    def _post(self, path: str, body: Document, *, repeatable: bool = False) -> Any:
        return self._transport.json("POST", path, json=body, repeatable=repeatable)


def items(document: Any, key: str) -> list[Document]:
    """A list that came bare or inside an object under `key`."""
    return document if isinstance(document, list) else document[key]
