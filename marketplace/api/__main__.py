"""`python -m marketplace.api`: the market, with its settings from the environment."""

import sys

from marketplace.bootstrap import serve
from marketplace.errors import MarketError
from marketplace.settings import load_settings

if __name__ == "__main__":
    try:
        serve(load_settings())
    except MarketError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
