"""hatchling's hook: no wheel without the dApp's pages, which who installs it could not build."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGES = Path("marketplace/web/static/index.html")


class PagesHook(BuildHookInterface):
    """Refuses a wheel whose pages are missing. Set-up installs the checkout, as editable, before it builds them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable" and not (Path(self.root) / PAGES).is_file():
            raise RuntimeError(f"{PAGES} is missing: run `make web` first.")
