"""Codes and reasons with which Gupshup refuses a message after it was queued.

Kept apart from the product's own table on purpose: the emulator is a second opinion.
Gupshup docs: partner error codes; Meta docs: Cloud API error codes.
"""

from __future__ import annotations

BOT_FAILED = 1001
NOT_ON_WHATSAPP = 1002
WALLET_LOW = 1003
PARAMETER_MISSING = 1009
MEDIA_URL = 1010
WINDOW_CLOSED = 470
TEMPLATE_UNKNOWN = 4003
TEMPLATE_PAUSED = 4005
SAME_NUMBER = 131021
MARKETING_STOPPED = 131050
VALUE_INVALID = 131009
PARAMS_COUNT = 132000
TEMPLATE_TOO_LONG = 132005
PARAM_FORMAT = 132012
PARAM_SPACES = 132018

REASONS: dict[int, str] = {
    WINDOW_CLOSED: (
        "Message failed to send because more than 24 hours have passed since the customer last replied to this number"
    ),
    471: "Message failed to send because there were too many messages sent from this phone number in a short period",
    368: "Temporarily blocked for policies violations",
    500: "Internal Server Error",
    503: "Failed connection",
    BOT_FAILED: "Last Mapped Bot Failed: sandbox number not proxied or src.name missing",
    NOT_ON_WHATSAPP: "Number Does Not Exist On WhatsApp",
    WALLET_LOW: "Wallet Balance Low: please recharge your wallet",
    1004: "Message sending failed: template disabled and user is inactive",
    1005: "Message sending failed as template did not match and user is inactive for session message",
    1008: "User is not Opted in and Inactive",
    PARAMETER_MISSING: "Required Parameter Is Missing",
    MEDIA_URL: "Invalid Media Url",
    1011: "Invalid Media Size",
    1012: "Number opted out",
    4001: "API rate limited, stop sending",
    4002: "Invalid response from WhatsApp",
    TEMPLATE_UNKNOWN: "Template did not match",
    TEMPLATE_PAUSED: "Template is paused",
    130429: "Rate limit hit",
    130472: "User's number is part of an experiment",
    131000: "Something went wrong",
    131008: "Required parameter is missing",
    VALUE_INVALID: "Parameter value is not valid",
    SAME_NUMBER: "Recipient cannot be sender",
    131026: "Message undeliverable",
    131031: "Business Account locked",
    131042: "Business eligibility payment issue",
    131045: "Message failed to send due to a phone number registration error",
    131047: "Re-engagement message: more than 24 hours have passed since the recipient last replied",
    131048: "Spam rate limit hit",
    131049: "This message was not delivered to maintain healthy ecosystem engagement",
    MARKETING_STOPPED: "User has stopped marketing messages from this business",
    131053: "Media upload error",
    131056: "(Business Account, Consumer Account) pair rate limit hit",
    PARAMS_COUNT: "Number of parameters does not match the expected number of params",
    132001: "Template name does not exist in the translation",
    TEMPLATE_TOO_LONG: "Translated text too long",
    PARAM_FORMAT: "Parameter format does not match format in the created template",
    132015: "Template is paused",
    PARAM_SPACES: "Param text cannot have new-line/tab characters or more than 4 consecutive spaces",
}

# Gupshup itself refuses these, before WhatsApp gets the message: no `enqueued` comes first, and the event has only
# Gupshup's id.
_REFUSED_BY_GUPSHUP = frozenset(
    {
        BOT_FAILED,
        WALLET_LOW,
        1004,
        1005,
        1006,
        1007,
        1008,
        PARAMETER_MISSING,
        MEDIA_URL,
        1011,
        1012,
        4001,
        TEMPLATE_UNKNOWN,
        4004,
        TEMPLATE_PAUSED,
    }
)


def reason_of(code: int) -> str:
    """The vendor's text for a code; a neutral one for unknown codes."""
    return REASONS.get(code, "Message failed")


def is_synchronous(code: int) -> bool:
    """Whether the `failed` event has the synchronous shape: `id` is Gupshup's id, and there is no `gsId`."""
    return code in _REFUSED_BY_GUPSHUP
