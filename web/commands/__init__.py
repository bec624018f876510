"""The command line for operators: `flask --app app …`, one module per group of commands."""

from flask import Flask

from web.commands import database, doctor, files, keys, lines, messages, portals, robots, tokens, unsent


def attach(app: Flask) -> None:
    """Put the commands on the app."""
    groups = (
        database.group,
        portals.group,
        lines.group,
        robots.group,
        messages.group,
        files.group,
        keys.group,
        tokens.group,
        unsent.group,
        doctor.group,
    )
    for command in groups:
        app.cli.add_command(command)
