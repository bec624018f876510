"""The world that mutated bodies come to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flows.scenes import OLGA, open_windows
from tests.fuzz.calm import CASES, Calm
from tests.fuzz.watch import Watch
from tests.support.world import World


@pytest.fixture
def calm(shop: World) -> Iterator[Calm]:
    open_windows(shop, OLGA)
    with Watch(CASES).open() as watch:
        yield Calm(shop, watch)
        print(f"slowest call {watch.slowest:.2f} s of CPU, {watch.kept():,} bytes kept")
