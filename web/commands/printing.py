"""How the commands print: listings are tables, with --json for programs; a refusal is one sentence."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flag --json, its parameter `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="JSON instead of a table")(command)


def print_rows(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print rows that have the same keys."""
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, default=str, indent=2))
        return
    if not rows:
        click.echo("(none)")
        return
    names = list(rows[0])
    table = [names, *[[str(row[name]) for name in names] for row in rows]]
    widths = [max(len(line[column]) for line in table) for column in range(len(names))]
    for line in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


@contextmanager
def refusals(kinds: tuple[type[Exception], ...] = (LookupError,)) -> Iterator[None]:
    """Print what messaging refuses as one sentence and end with exit code 1."""
    try:
        yield
    except kinds as error:
        raise click.ClickException(str(error)) from None
