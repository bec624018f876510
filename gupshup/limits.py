"""What WhatsApp takes: lengths in Unicode code points, sizes in bytes, MIME types.

Sources: Gupshup docs reference/msg and "Template Button List"; Meta docs "Messages" and "Media". One title over its
limit makes WhatsApp refuse the whole message, so all of this is checked before sending.
"""

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
BODY_LIMIT = 1024  # of buttons and lists; Meta allows lists 4096, Gupshup does not
HEADER_LIMIT = 60
FOOTER_LIMIT = 60
BUTTONS_LIMIT = 3
BUTTON_TITLE_LIMIT = 20
BUTTON_ID_LIMIT = 256
SECTIONS_LIMIT = 10
ROWS_LIMIT = 10  # in all sections together
SECTION_TITLE_LIMIT = 24
ROW_TITLE_LIMIT = 24
ROW_DESCRIPTION_LIMIT = 72
ROW_ID_LIMIT = 200
FILE_NAME_LIMIT = 240
PLACE_LIMIT = 1000
ADDRESS_LIMIT = 1000
TEMPLATE_TEXT_LIMIT = 1024  # the body with its values
CARD_TEXT_LIMIT = 160  # of one card of a carousel, likewise (Meta docs "Carousel templates")
COPY_CODE_LIMIT = 15
LATITUDE_LIMIT = 90
LONGITUDE_LIMIT = 180

MEDIA = ("image", "video", "audio", "document")
CARD_MEDIA = ("image", "video")
HEADER_MEDIA = ("image", "video", "document", "gif")
MAX_BYTES = {
    "image": 5 * 1024 * 1024,
    "video": 16 * 1024 * 1024,
    "audio": 16 * 1024 * 1024,
    "document": 100 * 1024 * 1024,
}
CONTENT_TYPES = {  # a document may be of any type
    "image": ("image/jpeg", "image/png"),
    "video": ("video/mp4", "video/3gpp"),
    "audio": ("audio/aac", "audio/mp4", "audio/mpeg", "audio/amr", "audio/ogg"),
}


def media_of(content_type: str) -> str:
    """As what WhatsApp shows a file of this MIME type: "image", "video", "audio", else "document"."""
    mime = content_type.partition(";")[0].strip().lower()
    return next((media for media, types in CONTENT_TYPES.items() if mime in types), "document")
