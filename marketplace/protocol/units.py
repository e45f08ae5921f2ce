"""Integer units and the only conversions between them.

Money is integer micro-USDC (USDC has 6 decimals, so this is the token's base unit), time integer seconds,
1 MB = 10^6 bytes, 1 GB = 1000 MB, 1 Gfuel = 10^9 units of wasmtime fuel, 1 bps = 1/10,000.
"""

from decimal import Decimal, InvalidOperation

from marketplace.errors import InvalidAmount

MICRO_PER_USDC = 1_000_000
BPS = 10_000
SECONDS_PER_HOUR = 3_600
MB_PER_GB = 1_000
BYTES_PER_MB = 1_000_000
FUEL_PER_GFUEL = 1_000_000_000
UINT64_MAX = 2**64 - 1


def ceil_div(numerator: int, denominator: int) -> int:
    """The smallest integer not below `numerator / denominator`, for non-negative integers."""
    return -(-numerator // denominator)


def parse_usdc(text: str) -> int:
    """Micro-USDC of a decimal amount such as `"1.25"`.

    Raises InvalidAmount for anything that is not a non-negative decimal with at most six places.
    """
    try:
        amount = Decimal(text.strip().removesuffix("USDC").strip())
    except InvalidOperation as error:
        raise InvalidAmount(text, "a decimal number of USDC such as 1.25") from error
    if not amount.is_finite() or amount < 0:
        raise InvalidAmount(text, "a non-negative, finite number of USDC")
    micro = amount * MICRO_PER_USDC
    if micro != micro.to_integral_value():
        raise InvalidAmount(text, "at most six decimal places")
    if micro > UINT64_MAX:
        raise InvalidAmount(text, f"at most {format_usdc(UINT64_MAX)}")
    return int(micro)


def format_usdc(micro: int) -> str:
    """A decimal amount with all six places, `1.250000`; negative amounts keep their sign."""
    sign = "-" if micro < 0 else ""
    whole, fraction = divmod(abs(micro), MICRO_PER_USDC)
    return f"{sign}{whole}.{fraction:06d}"
