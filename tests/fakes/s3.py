"""A real S3 server over HTTP, moto's, of this process's own; it ends with its owner. What it holds is in its memory."""

import atexit
import importlib.util
import os
import shutil
import sys
import tempfile
from functools import cache
from itertools import count
from pathlib import Path

import httpx
import pytest

from marketplace.devnet import ManagedProcess, free_port

IS_INSTALLED = all(map(importlib.util.find_spec, ("obstore", "moto", "flask", "flask_cors")))
needs_s3 = pytest.mark.skipif(not IS_INSTALLED, reason="obstore, moto[s3], flask and flask-cors are not installed")
_AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
_numbers = count(1)


def environment() -> dict[str, str]:
    """The variables with which a program finds the server, which is started if need be."""
    return {
        "AWS_ENDPOINT_URL": _start(),
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def create_bucket() -> str:
    """The name of a new one."""
    name = f"bucket-{next(_numbers)}"
    httpx.put(f"{_start()}/{name}", headers={"Authorization": _AUTHORIZATION}).raise_for_status()
    return name


def objects_in(bucket: str) -> list[str]:
    """The keys of all objects, as the server's own listing has them."""
    listing = httpx.get(f"{_start()}/{bucket}", headers={"Authorization": _AUTHORIZATION}).text
    return [part.partition("</Key>")[0] for part in listing.split("<Key>")[1:]]


def overwrite(bucket: str, key: str, data: bytes) -> None:
    """Put other bytes there, behind the market's back."""
    address, headers = f"{_start()}/{bucket}/{key}", {"Authorization": _AUTHORIZATION}
    httpx.put(address, content=data, headers=headers).raise_for_status()


@cache
def _start() -> str:
    folder, port = Path(tempfile.mkdtemp(prefix="hive-s3-")), free_port()
    command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
    server = ManagedProcess("s3", command, folder / "log", env=dict(os.environ)).start()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.stop)
    server.wait_ready(lambda: _answers(port))
    return f"http://127.0.0.1:{port}"


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/moto-api/").is_success
    except httpx.TransportError:
        return False
