"""Who a request is of, where it has to be somebody: a session's token or a key in `Authorization: Bearer`."""

from collections.abc import Callable

from fastapi import Depends, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from marketplace.api.limits import Limits
from marketplace.domain.access import Caller
from marketplace.services.api_keys import authenticate, refuse_anonymous
from marketplace.services.market import Market

BEARER = HTTPBearer(
    scheme_name="token", auto_error=False, description="A session's token (`chs_…`) or a key (`chk_…`)."
)


def caller_of(market: Market, limits: Limits) -> Callable[..., Caller]:
    """A dependency of routes. Raises Unauthorized, TooManyRequests; no answer of theirs is for a cache."""

    def find(
        response: Response,
        given: HTTPAuthorizationCredentials | None = Depends(BEARER),  # noqa: B008 (the framework's way)
    ) -> Caller:
        if given is None:
            raise refuse_anonymous()
        caller = authenticate(market, given.credentials)
        limits.count_request(caller.account)
        response.headers["Cache-Control"] = "no-store"
        return caller

    return find
