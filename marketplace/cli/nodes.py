"""`hive nodes`: who offers capacity, and who is leaving."""

from typing import Any

import typer

from marketplace.cli.context import JsonOption, UrlOption, find_market
from marketplace.cli.output import clock_time, fuel_speed, out, print_json, short, table


def register(app: typer.Typer) -> None:
    """Add the command to `hive`."""
    app.command("nodes", rich_help_panel="Services")(nodes)


def nodes(url: UrlOption = None, as_json: JsonOption = False) -> None:
    """The nodes of a market: what each has, how much of it is free, whether it is alive or leaving."""
    with find_market(url).client() as client:
        found = client.nodes()
    if as_json:
        print_json({"nodes": found})
        return
    if not found:
        out().print("No provider offers anything here at the moment.")
        return
    numbers = ("vCPU", "GB", "Gfuel/s")
    shown = table("node", "provider", "region", *numbers, "GPUs", "free", "status", right=(*numbers, "free"))
    for each in found:
        shown.add_row(
            short(each["id"]), short(each["provider"]), each["region"], str(each["vcpus"]),
            f"{each['memoryMb'] / 1000:.0f}", _speed(each), ", ".join(each["gpus"]) or "—",
            f"{each['freeUnits']} of {each['units']}", _status(each),
        )  # fmt: skip
    out().print(shown)


def _speed(node: dict[str, Any]) -> str:
    """What its provider measured of a Python job; a dash where it states nothing."""
    return fuel_speed(node.get("profile", {}).get("benchmark")) or "—"


def _status(node: dict[str, Any]) -> str:
    if node["status"] != "draining":
        return node["status"]
    return f"draining, gone by {clock_time(node['drainsBy'])}"
