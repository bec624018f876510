"""Who of a portal's people may do what: send by hand, broadcast, see the phones of clients, read reports.

A right belongs to everybody who may open the app, to administrators alone, or to administrators and chosen people.
Administrators have every right, for they could give it to themselves. The caller knows the person by
Bitrix24's token, not by what a form says.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from messaging.policy.settings import Policy

#: Users and departments chosen for one right at most.
MOST = 200
LONGEST_NAME = 100


class Right(StrEnum):
    """send: messages by hand; broadcast: campaigns; phones: see clients' numbers in full; reports: with costs and employees."""

    SEND = "send"
    BROADCAST = "broadcast"
    PHONES = "phones"
    REPORTS = "reports"


class Who(StrEnum):
    """Whom a right belongs to; administrators have it in any case."""

    ALL = "all"
    ADMINS = "admins"
    CHOSEN = "chosen"


@dataclass(frozen=True)
class Grant:
    """Whom a right belongs to. users, departments: id → name as it was when they were chosen; they count if who is CHOSEN.

    A department counts with those below it.
    """

    who: Who = Who.ALL
    users: Mapping[int, str] = field(default_factory=dict)
    departments: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def read(cls, stored: Any, default: "Grant") -> "Grant":
        """From what `stored` gives; the default for what cannot be read."""
        if not isinstance(stored, Mapping) or stored.get("who") not in set(Who):
            return default
        return cls(Who(stored["who"]), _named(stored.get("users")), _named(stored.get("departments")))

    def stored(self) -> dict[str, Any]:
        """The right as the portal's policy keeps it."""
        lists = {"users": self.users, "departments": self.departments}
        return {
            "who": str(self.who),
            **{name: [list(pair) for pair in chosen.items()] for name, chosen in lists.items()},
        }


def _named(pairs: Any) -> dict[int, str]:
    return {int(pair[0]): str(pair[1]) for pair in pairs or () if len(pair) == 2 and str(pair[0]).isdecimal()}


DEFAULTS: dict[Right, Grant] = {
    Right.SEND: Grant(Who.ALL),
    Right.BROADCAST: Grant(Who.ADMINS),
    Right.PHONES: Grant(Who.ADMINS),
    Right.REPORTS: Grant(Who.ALL),
}


@dataclass(frozen=True)
class Person:
    """A person who wants to do something. departments: gives the person's and those above; called only if needed."""

    user_id: int
    is_admin: bool
    departments: Callable[[], Collection[int]]


def granted(policy: Policy, right: Right) -> Grant:
    """Whom this right belongs to in a portal."""
    return Grant.read(policy.rights.get(right), DEFAULTS[right])


def may(policy: Policy, right: Right, person: Person) -> bool:
    """Whether this person has the right."""
    grant = granted(policy, right)
    if person.is_admin or grant.who == Who.ALL:
        return True
    if grant.who == Who.ADMINS:
        return False
    if person.user_id in grant.users:
        return True
    return bool(grant.departments) and not grant.departments.keys().isdisjoint(person.departments())
