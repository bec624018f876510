"""The portals of a simulation and their lines: how many, how fast, which are slow, dead or answered 429."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.simulated import Costs

CARDS = "phone from the card"


@dataclass(frozen=True)
class Scale:
    """How much of everything. per_s: calls a second of all portals together, bursts not counted."""

    portals: int = 1000
    minutes: float = 10.0
    drains: int = 4
    per_s: float = 20.0
    bursts: int = 6
    burst: int = 500
    threads: int = 64
    seed: int = 1
    costs: Costs = field(default_factory=Costs)

    @property
    def seconds(self) -> float:
        return self.minutes * 60


@dataclass(frozen=True)
class Shop:
    """A portal and its line. cards: its robots leave the phone to the CRM card. kind: usual, slow, dead, strict."""

    number: int
    pace: float
    burst: int
    cards: bool = False
    kind: str = "usual"

    @property
    def app(self) -> str:
        return f"app{self.number}"

    @property
    def host(self) -> str:
        return f"p{self.number}.example"


def uneven(count: int) -> list[Shop]:
    """Of a hundred: ten of pace 1, ten of pace 80, ten whose robots read cards; a few slow and dead, one strict line in all."""
    shops = []
    for portal in range(1, count + 1):
        pace, burst = {1: (1.0, 5), 2: (80.0, 20)}.get(portal % 10, (10.0, 20))
        kind = "strict" if portal == 13 else {4: "slow", 5: "dead", 6: "dead"}.get(portal % 200, "usual")
        shops.append(Shop(portal, pace, burst, portal % 10 == 6, kind))
    return shops


def kind_of(shop: Shop) -> str:
    """The name under which the figures show this shop."""
    if shop.kind != "usual":
        return f"{shop.kind} portal"
    return CARDS if shop.cards else f"pace {shop.pace:g}"
