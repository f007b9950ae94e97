"""Figures inside a page: scaled to what a screen shows, and small."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

WIDEST = 1120  # pixels; a page-wide figure has no more
QUALITY = 82  # of WebP, of 100: lines stay clean


@dataclass(frozen=True)
class Picture:
    """An image as a data URI, and its size in pixels."""

    uri: str
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
    return Picture(f"data:image/webp;base64,{base64.b64encode(written.getvalue()).decode()}", *picture.size)
