"""What sellers put on and around photos, and only the sample shop does: banners, stickers, cards, the frame of an app.

The functions obey the rules of `dedup_pipeline.augmentation.edits`: explicit numbers in, a new picture out.
"""

from typing import Literal

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dedup_pipeline.augmentation.edits import Colour, Picture
from dedup_pipeline.augmentation.edits.picture import as_picture, blend

Sticker = Literal["smile", "heart", "star", "fire"]

STICKERS: tuple[Sticker, ...] = ("smile", "heart", "star", "fire")
BRIGHT: tuple[Colour, ...] = (
    (214, 32, 52), (250, 196, 20), (24, 96, 200), (20, 140, 90), (240, 90, 150), (20, 20, 24), (120, 60, 180),
)  # fmt: skip


def screenshot(picture: Picture, seller: str, price: int, minutes: int, *, dark: bool) -> Picture:
    """Show a photo in the app of a marketplace: status bar above, title, price and button below.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        seller: shown as the title of the page.
        price: shown below the photo.
        minutes: of the clock, after noon or midnight.
        dark: white on black instead of black on white.

    Returns:
        `(h, 480, 3) uint8`, about twice as high as wide.
    """
    width = 480
    shown = cv2.resize(
        picture, (width, round(width * picture.shape[0] / picture.shape[1])), interpolation=cv2.INTER_AREA
    )
    bar, head = 30, 56
    height = max(960, bar + head + shown.shape[0] + 190)
    paper, ink, pale = (
        ((18, 18, 20), (238, 238, 240), (70, 70, 74)) if dark else ((255, 255, 255), (24, 24, 28), (224, 224, 228))
    )
    image = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(image)
    draw.text((18, 15), f"{minutes // 60 or 12}:{minutes % 60:02d}", fill=ink, font=_font(17), anchor="lm")
    draw.rounded_rectangle((430, 9, 458, 21), 3, outline=ink, width=2)
    draw.rectangle((433, 12, 433 + 4 + minutes % 18, 18), fill=ink)
    for step in range(4):
        draw.rectangle((392 + 8 * step, 20 - 3 * step, 397 + 8 * step, 21), fill=ink)
    draw.line([(34, bar + 18), (22, bar + 28), (34, bar + 38)], fill=ink, width=3)
    draw.text((56, bar + 28), seller, fill=ink, font=_font(21), anchor="lm")
    draw.ellipse((438, bar + 18, 458, bar + 38), outline=ink, width=3)
    top = bar + head + shown.shape[0]
    for dot in range(5):
        draw.ellipse((200 + 18 * dot, top + 14, 208 + 18 * dot, top + 22), fill=ink if dot == 0 else pale)
    draw.text((20, top + 54), f"{price}.00", fill=ink, font=_font(30), anchor="lm")
    draw.rounded_rectangle((20, top + 82, 300, top + 94), 5, fill=pale)
    draw.rounded_rectangle((20, top + 102, 220, top + 114), 5, fill=pale)
    draw.rounded_rectangle((20, height - 60, 460, height - 14), 12, fill=(40, 110, 220))
    draw.text((240, height - 37), "ADD TO CART", fill=(255, 255, 255), font=_font(20), anchor="mm")
    screen = np.array(image, dtype=np.uint8)
    screen[bar + head : top] = shown
    return screen


def banner(picture: Picture, text: str, share: float, colour: Colour) -> Picture:
    """Write a text across the bottom on a coloured band.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        text: one line; it is made small enough to fit.
        share: height of the band as a fraction of the height.
        colour: of the band.

    Returns:
        `(H, W, 3) uint8`.
    """
    height, width = picture.shape[:2]
    top = height - max(8, round(share * height))
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, top, width, height), fill=colour)
    size = 0.62 * (height - top)
    size = max(6.0, min(size, size * 0.92 * width / max(1.0, float(_font(round(size)).getlength(text)))))
    ink = (20, 20, 20) if sum(colour) > 400 else (255, 255, 255)
    draw.text((width / 2, (top + height) / 2), text, fill=ink, font=_font(round(size)), anchor="mm")
    return np.array(image, dtype=np.uint8)


def collage_border(picture: Picture, first: Colour, second: Colour, width: float, radius: float) -> Picture:
    """Round the corners of a photo and put it on a card whose colour runs from one to another.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        first: colour at the top.
        second: colour at the bottom.
        width: of the border as a fraction of the longer side.
        radius: of the corners as a fraction of the shorter side.

    Returns:
        `(H + 2b, W + 2b, 3) uint8` with a border of `b` px.
    """
    height, length = picture.shape[:2]
    border = max(2, round(width * max(height, length)))
    whole = (height + 2 * border, length + 2 * border)
    share = np.linspace(0.0, 1.0, whole[0], dtype=np.float32)[:, None, None]
    card = np.asarray(first, dtype=np.float32) * (1.0 - share) + np.asarray(second, dtype=np.float32) * share
    below = as_picture(np.broadcast_to(card, (*whole, 3)))
    opacity = Image.new("L", (2 * whole[1], 2 * whole[0]), 0)
    box = (2 * border, 2 * border, 2 * (border + length) - 1, 2 * (border + height) - 1)
    ImageDraw.Draw(opacity).rounded_rectangle(box, 2 * radius * min(height, length), fill=255)
    mask = np.asarray(opacity.resize((whole[1], whole[0]), Image.Resampling.BOX), dtype=np.uint8)
    above = cv2.copyMakeBorder(picture, border, border, border, border, cv2.BORDER_REPLICATE)
    return blend(below, as_picture(above), mask)


def sticker(picture: Picture, name: Sticker, size: float, x: float, y: float) -> Picture:
    """Stick an emoji on a photo.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        name: which.
        size: diameter as a fraction of the shorter side.
        x: of its centre as a fraction of the width.
        y: of its centre as a fraction of the height.

    Returns:
        `(H, W, 3) uint8`.
    """
    height, width = picture.shape[:2]
    side = max(12, round(size * min(height, width)))
    drawn = _emoji(name).resize((side, side), Image.Resampling.LANCZOS)
    image = Image.fromarray(picture)
    image.paste(drawn, (round(x * width - side / 2), round(y * height - side / 2)), drawn)
    return np.array(image, dtype=np.uint8)


def _emoji(name: Sticker) -> Image.Image:
    """Draw an emoji, 256 px wide, transparent around it."""
    image = Image.new("RGBA", (256, 256), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    if name == "smile":
        draw.ellipse((8, 8, 248, 248), fill=(255, 204, 64), outline=(226, 160, 30), width=6)
        draw.ellipse((72, 80, 104, 124), fill=(80, 50, 20))
        draw.ellipse((152, 80, 184, 124), fill=(80, 50, 20))
        draw.chord((64, 108, 192, 216), 0, 180, fill=(120, 40, 30))
    elif name == "heart":
        t = np.linspace(0.0, 2 * np.pi, 80)
        x, y = 16 * np.sin(t) ** 3, 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
        draw.polygon(
            [(float(128 + 7.3 * a), float(118 - 7.3 * b)) for a, b in zip(x, y, strict=True)], fill=(228, 36, 60)
        )
    elif name == "star":
        angle = np.arange(10) * np.pi / 5 - np.pi / 2
        radius = np.where(np.arange(10) % 2, 52.0, 122.0)
        corners = zip(128 + radius * np.cos(angle), 134 + radius * np.sin(angle), strict=True)
        draw.polygon([(float(a), float(b)) for a, b in corners], fill=(255, 200, 30), outline=(226, 150, 20))
    else:
        for scale, colour in ((1.0, (236, 72, 32)), (0.68, (250, 150, 30)), (0.38, (255, 226, 90))):
            outline = np.array(
                [
                    (0, -120),
                    (30, -60),
                    (72, -20),
                    (84, 50),
                    (52, 104),
                    (0, 118),
                    (-52, 104),
                    (-84, 50),
                    (-60, -14),
                    (-30, -40),
                ]
            )
            draw.polygon([(float(128 + scale * a), float(246 + scale * (b - 118))) for a, b in outline], fill=colour)
    return image


def _font(pixels: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(max(6, pixels))
