"""Figures inside a page: scaled to what a screen shows, and small."""

import base64
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

WIDEST = 1120  # pixels; a page-wide figure has no more
QUALITY = 82  # of WebP, of 100: lines stay clean


@dataclass(frozen=True)
class Picture:
    """An image as a data URI, the beginning of the SHA-256 of the file it was made from, and its size in pixels."""

    uri: str
    digest: str
    width: int
    height: int


def embedded(path: Path, widest: int = WIDEST) -> Picture:
    """The PNG of a figure as WebP in a data URI, at most `widest` pixels wide."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
    if picture.width > widest:
        picture = picture.resize((widest, round(picture.height * widest / picture.width)), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=QUALITY, method=6)
    uri = f"data:image/webp;base64,{base64.b64encode(written.getvalue()).decode()}"
    return Picture(uri, hashlib.sha256(path.read_bytes()).hexdigest()[:16], *picture.size)
