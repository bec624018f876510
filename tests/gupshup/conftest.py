"""A session of ours, and a maker of clients that use it."""

from collections.abc import Callable, Iterator

import pytest
import requests

from gupshup.client import Client, session


@pytest.fixture
def ours() -> Iterator[requests.Session]:
    with session(4) as made:
        yield made


@pytest.fixture
def make(ours: requests.Session) -> Callable[..., Client]:
    def made(url: str, timeout: tuple[float, float] = (2.0, 2.0)) -> Client:
        return Client(ours, url, timeout)

    return made
