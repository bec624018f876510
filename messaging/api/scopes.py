"""What a token of the API may do: `messages:read`, `messages:write` … `:write` includes `:read`."""

from collections.abc import Collection, Iterable

RESOURCES = ("messages", "campaigns", "templates", "optouts", "lines", "reports", "webhooks")
#: Every scope, as a token may have it.
SCOPES: tuple[str, ...] = tuple(f"{resource}:{verb}" for resource in RESOURCES for verb in ("read", "write"))
#: What a token may do that was made without naming scopes.
ALL: tuple[str, ...] = tuple(f"{resource}:write" for resource in RESOURCES)


def tidied(wanted: Iterable[str]) -> list[str]:
    """These scopes, each once, in our order, without a `:read` that a `:write` includes. Raises ValueError, the unknown one."""
    asked = set(wanted)
    for scope in sorted(asked - set(SCOPES)):
        raise ValueError(scope)
    return [scope for scope in SCOPES if scope in asked and scope.replace(":read", ":write") not in asked - {scope}]


def allows(held: Collection[str], needed: str) -> bool:
    """Whether a token with these scopes may do what needs this one."""
    return needed in held or needed.replace(":read", ":write") in held
