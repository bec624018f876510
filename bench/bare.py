"""What a Flask view under our gunicorn settings does when it does nothing: the ceiling intake is held against."""

from flask import Flask


def create_app() -> Flask:
    """One view that answers 200, empty, without looking at the body."""
    app = Flask(__name__)
    app.add_url_rule("/<path:name>", view_func=lambda name: "", methods=["POST"], endpoint="bare")
    return app
