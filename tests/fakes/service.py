"""The interface of a market in memory behind the real server, on a loopback port and in a thread of this process."""

import threading
from typing import Self

import uvicorn
from fastapi import FastAPI

from marketplace.api.app import build_app
from marketplace.bootstrap import MarketServer
from tests.fakes.waiting import SOON, wait_for
from tests.fakes.world import World


class Service:
    """Serves `app` while the block runs, or between `start` and `stop`, which ends it as SIGTERM does.

    `config`: how the server is configured, as `marketplace.bootstrap.server_config` says; by default with uvicorn's
    own settings and `options`.
    """

    def __init__(self, app: FastAPI, config: uvicorn.Config | None = None, **options) -> None:
        self.streams = app.state.streams
        self._config = config or uvicorn.Config(app, **({"port": 0, "log_level": "error", "ws": "none"} | options))

    def start(self) -> Self:
        self._server = MarketServer(self._config, self.streams.stop)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        wait_for(lambda: self._server.started or not self._thread.is_alive(), "The start of the service")
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(2 * SOON)
        assert not self._thread.is_alive(), "the service did not stop"

    @property
    def url(self) -> str:
        return f"{'https' if self._config.is_ssl else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def serve(world: World, **options) -> Service:
    """A started service of that world's market, without its workers."""
    return Service(build_app(world.market, with_workers=False), **options).start()
