"""The command line for operators: `flask --app app …`, one module per group of commands."""

from flask import Flask

from web.commands import database, doctor, files, keys, lines, messages, portals, robots, unsent


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
        unsent.group,
        doctor.group,
    )
    for command in groups:
        app.cli.add_command(command)
