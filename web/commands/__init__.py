"""The command line for operators: `flask --app app …`, one module per group of commands."""

from flask import Flask

from web.commands import database, doctor, keys, lines, messages, portals, robots


def attach(app: Flask) -> None:
    """Put the commands on the app."""
    for command in (database.group, portals.group, lines.group, robots.group, messages.group, keys.group, doctor.group):
        app.cli.add_command(command)
