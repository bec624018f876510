"""The line from which the tests of the client send, and one message to send."""

from gupshup.client import Account, Client
from gupshup.messages import Text

KEY = "k3y-of-the-customer"
APP_ID = "e2f0b8d4-6c1a-4f3e-9b57-0a1c2d3e4f50"
ACCOUNT = Account(KEY, "shopbot", "79001234567", APP_ID)
CLIENT = "79005550000"
ACCEPTED = '{"status":"submitted","messageId":"41de7a3c-5b1f-4c2e-8d90-6f7e8a9b0c1d"}'
MESSAGE = Text("Да")


def send(client: Client, account: Account = ACCOUNT) -> str:
    """Hand the message to Gupshup; returns its id."""
    return client.send(account, CLIENT, MESSAGE.path, MESSAGE.form())
