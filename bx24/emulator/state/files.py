"""The contents of files on Drive and in CRM fields of every portal. They never change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StoredFile:
    id: int
    name: str
    content_type: str
    content: bytes


_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc000000301010018dd8db00000000049454e44ae426082"
)
FILES = {
    501: StoredFile(501, "Договор.pdf", "application/pdf", _PDF),
    601: StoredFile(601, "Прайс-лист.pdf", "application/pdf", _PDF),
    602: StoredFile(602, "shkaf.png", "image/png", _PNG),
}
