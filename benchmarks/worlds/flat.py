"""Worlds of printed flat things: phone cases, posters in one frame, books of a series."""

from collections.abc import Iterator

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits import Colour, Picture
from dedup_pipeline.augmentation.edits.picture import as_picture
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.outlines import Points, ellipse
from dedup_pipeline.sample.rendering.scene import smooth_noise

from .artwork import artwork, draw_inks
from .brush import (
    Shape,
    area,
    backdrop,
    develop,
    hue_colour,
    lay,
    lit,
    on_quad,
    rounded_box,
    shadow,
    solid,
    table_top,
)
from .goods import MANY, Family, Product, goods, invented, picked
from .lettering import WORDS, write

_CASE = goods("CAS", "Phone Case", "Mobiles>Cases & Covers>Back Covers", "Silicone,Polycarbonate", (199, 799))
_POSTER = goods("POS", "Poster", "Home>Wall Decor>Posters", "Paper", (149, 1299))
_BOOK = goods("BOK", "Book", "Books>Fiction>Series", "Paper", (199, 699))


def phone_cases(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """Cases of one outline and one cut-out for the camera, with other pictures."""
    while True:
        shape = (int(generator.integers(700, 820)), int(generator.integers(520, 640)))
        tone = hue_colour(float(generator.random()), generator.uniform(0.0, 0.2), generator.uniform(0.82, 0.97))
        ground, brand = backdrop(shape, tone, generator, 0.12), invented(generator)
        lens, turn = int(generator.integers(4)), float(generator.normal(0.0, 4.0))
        tall, ratio = 0.86 * shape[0], float(generator.uniform(0.47, 0.53))
        rim: Colour = ((30, 30, 32), (236, 236, 236), (200, 190, 176))[generator.integers(3)]
        family: Family = []
        inks, again = draw_inks(generator), int(generator.integers(2**31))
        for number in range(min(most, int(generator.integers(5, 10)))):
            if number % 3:
                inks = draw_inks(generator)
            if number % 4 != 1:
                again = int(generator.integers(2**31))  # one picture in four comes in other colours too
            art = artwork((round(tall), round(tall * ratio)), np.random.default_rng(again), inks)
            if number % 5 == 4:
                art = _lettered(art, WORDS[generator.integers(len(WORDS))], inks)
            light = ground.copy()
            cover = _case(light, art, rim, lens, turn)
            title = picked(generator, ("Printed Back Cover", "Designer Phone Case", "Printed Back Cover"))
            family.append(Product(develop(light, cover, generator), _CASE, brand, title))
        yield family


def _case(light: Floats, art: Picture, rim: Colour, lens: int, turn: float) -> Floats:
    """Lay a case on the ground; return where it is."""
    shape = (light.shape[0], light.shape[1])
    tall, wide = art.shape[:2]
    left, top = (shape[1] - wide) / 2, (shape[0] - tall) / 2
    angle = np.radians(turn)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([shape[1] / 2, shape[0] / 2])

    def turned_(points: Points) -> Points:
        return np.asarray((points - middle) @ matrix.T + middle, dtype=np.float64)

    outline = area(turned_(rounded_box(left, top, left + wide, top + tall, 0.15 * wide)), shape)
    shadow(light, outline, (10, 16), 14, 0.35)
    shadow(light, outline, (3, 5), 4, 0.3)
    solid(light, outline, rim, bevel=9, gloss=0.3)
    corners = turned_(np.array([(left, top), (left + wide, top), (left + wide, top + tall), (left, top + tall)]))
    paint, _ = on_quad(art, corners, shape)
    inner = area(turned_(rounded_box(left + 7, top + 7, left + wide - 7, top + tall - 7, 0.13 * wide)), shape)
    solid(light, inner, paint, bevel=12, gloss=0.35)
    sweep = np.linspace(1.06, 0.9, shape[0], dtype=np.float32)[:, None, None]
    light[...] = np.where(outline[..., None] > 0.5, light * sweep, light)
    boxes = (
        (0.06, 0.03, 0.52, 0.25), (0.06, 0.03, 0.28, 0.3), (0.3, 0.04, 0.7, 0.14), (0.06, 0.03, 0.94, 0.18),
    )  # fmt: skip
    x0, y0, x1, y1 = boxes[lens]
    hole = rounded_box(left + x0 * wide, top + y0 * tall, left + x1 * wide, top + y1 * tall, 0.09 * wide)
    solid(light, area(turned_(hole), shape), (42, 42, 46), bevel=6, gloss=0.2)
    for u, v in ((0.28, 0.28), (0.72, 0.5), (0.28, 0.74)):
        x, y = left + (x0 + u * (x1 - x0)) * wide, top + (y0 + v * (y1 - y0)) * tall
        radius = 0.2 * min((x1 - x0) * wide, (y1 - y0) * tall)
        solid(light, area(turned_(ellipse(x, y, radius, radius)), shape), (16, 18, 24), bevel=5, gloss=0.7)
    return outline


def _lettered(art: Picture, word: str, inks: tuple[Colour, Colour, Colour, Colour]) -> Picture:
    light = art.astype(np.float32)
    height, width = art.shape[:2]
    band = rounded_box(0.1 * width, 0.6 * height, 0.9 * width, 0.72 * height, 10)
    lay(light, area(band, (height, width)), inks[0])
    write(light, word, (width / 2, 0.66 * height), 0.07 * height, inks[3], width=0.74 * width, bold=0.05)
    return as_picture(light)


def posters(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """One frame on one wall, with another poster in it each time."""
    while True:
        shape = (int(generator.integers(700, 840)), int(generator.integers(600, 720)))
        wall, box, brand = _wall(shape, generator), _frame_box(shape, generator), invented(generator)
        wood = ((34, 32, 32), (238, 236, 232), (164, 122, 80), (196, 166, 104))[generator.integers(4)]
        mount, width = float(generator.choice([0.0, 0.06, 0.1])), float(generator.uniform(0.02, 0.04)) * shape[1]
        family: Family = []
        inks, again = draw_inks(generator), int(generator.integers(2**31))
        for number in range(min(most, int(generator.integers(5, 10)))):
            if number % 3:
                inks = draw_inks(generator)
            if number % 4 != 2:
                again = int(generator.integers(2**31))
            art = artwork((620, 440), np.random.default_rng(again), inks)
            if number % 3 == 1:
                art = _captioned(art, generator)
            light = wall.copy()
            cover = _hang(light, art, box, wood, mount=mount, width=width)
            title = picked(generator, ("Framed Wall Poster", "Modern Art Poster A3", "Framed Wall Poster"))
            family.append(Product(develop(light, cover, generator), _POSTER, brand, title))
        yield family


def _wall(shape: Shape, generator: np.random.Generator) -> Floats:
    tone = hue_colour(float(generator.random()), generator.uniform(0.02, 0.25), generator.uniform(0.72, 0.94))
    top = hue_colour(float(generator.uniform(0.05, 0.12)), generator.uniform(0.2, 0.5), generator.uniform(0.4, 0.8))
    light = table_top(shape, tone, top, 0.9, generator)
    plaster = 1.0 + 0.012 * smooth_noise(shape[0], shape[1], (90, 80), generator)
    light *= plaster.astype(np.float32)[..., None]
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    slant, start = generator.uniform(0.3, 0.8), generator.uniform(0.1, 0.6) * shape[1]
    beam = np.clip(((x - start + slant * y) % shape[1]) / 20, 0, 1) * np.clip(
        (260 - (x - start + slant * y)) / 20, 0, 1
    )
    light *= (1.0 + 0.1 * cv2.GaussianBlur(beam, (0, 0), 9))[..., None]
    return light


def _frame_box(shape: Shape, generator: np.random.Generator) -> tuple[float, float, float, float]:
    tall = float(generator.uniform(0.7, 0.8)) * shape[0]
    wide = tall * 0.71
    left, top = (shape[1] - wide) / 2 + generator.uniform(-15, 15), 0.06 * shape[0]
    return left, top, left + wide, top + tall


def _hang(
    light: Floats, art: Picture, box: tuple[float, float, float, float], wood: Colour, *, mount: float, width: float
) -> Floats:
    shape = (light.shape[0], light.shape[1])
    outline = area(rounded_box(*box, 2), shape)
    shadow(light, outline, (12, 18), 12, 0.45)
    solid(light, outline, wood, bevel=width / 2, gloss=0.1)
    left, top, right, bottom = box[0] + width, box[1] + width, box[2] - width, box[3] - width
    lay(light, area(rounded_box(left, top, right, bottom, 1), shape), (246, 244, 240))
    edge = mount * (right - left)
    corners = np.array(
        [
            (left + edge, top + edge),
            (right - edge, top + edge),
            (right - edge, bottom - edge),
            (left + edge, bottom - edge),
        ]
    )
    paint, inside = on_quad(art, corners, shape)
    lay(light, inside, paint)
    glass = np.linspace(0.0, 1.0, shape[1], dtype=np.float32)[None, :] + np.linspace(0, 0.6, shape[0])[:, None]
    pane = area(rounded_box(left, top, right, bottom, 1), shape)
    light += (14.0 * np.exp(-(((glass - 0.55) / 0.12) ** 2)) * pane).astype(np.float32)[..., None]
    return outline


def _captioned(art: Picture, generator: np.random.Generator) -> Picture:
    light = art.astype(np.float32)
    light[500:] = (244, 240, 230)
    word = WORDS[generator.integers(len(WORDS))]
    write(light, word, (220, 545), 54, (40, 36, 40), width=400, bold=0.06, wide=1.2)
    write(light, invented(generator, 3).upper(), (220, 592), 20, (90, 86, 90), width=300)
    return as_picture(light)


def book_series(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """The volumes of a series: one layout, another title, number and picture."""
    while True:
        shape = (int(generator.integers(720, 860)), int(generator.integers(600, 720)))
        ground = table_top(
            shape,
            hue_colour(float(generator.random()), 0.08, generator.uniform(0.85, 0.98)),
            hue_colour(float(generator.random()), 0.12, generator.uniform(0.7, 0.95)),
            0.8,
            generator,
        )
        author = f"{invented(generator)} {invented(generator)}"
        layout, hue = int(generator.integers(4)), float(generator.random())
        same_hue, one_picture = bool(generator.random() < 0.5), bool(generator.random() < 0.35)
        series, seed = picked(generator, WORDS), int(generator.integers(2**31))
        lean = float(generator.uniform(0.03, 0.09))
        family: Family = []
        for volume in range(1, 1 + min(most, int(generator.integers(4, 9)))):
            own = hue if same_hue else hue + 0.13 * volume
            art_seed = seed if one_picture else seed + volume
            title = f"{WORDS[(seed + 7 * volume) % len(WORDS)]} {WORDS[(seed + 3 * volume + 5) % len(WORDS)]}"
            cover = _cover(layout, own, (author, series, title), volume, art_seed)
            light = ground.copy()
            outline = _book(light, cover, own, lean)
            text = picked(generator, (f"{series.title()} Saga", f"{author} {series.title()} Saga", "Novel, Paperback"))
            family.append(Product(develop(light, outline, generator), _BOOK, author, text))
        yield family


def _cover(layout: int, hue: float, text: tuple[str, str, str], volume: int, art_seed: int) -> Picture:
    """Print a cover `(690, 460, 3)`."""
    author, series, title = text
    dark, pale = hue_colour(hue, 0.7, 0.35), hue_colour(hue, 0.2, 0.95)
    light = np.full((690, 460, 3), dark if layout % 2 else pale, dtype=np.float32)
    ink, second = (pale, (236, 190, 80)) if layout % 2 else (dark, (170, 30, 40))
    inks = (hue_colour(hue, 0.25, 0.9), hue_colour(hue + 0.1, 0.7, 0.75), hue_colour(hue + 0.5, 0.6, 0.6), dark)
    box = ((150, 500), (250, 640), (0, 430), (330, 690))[layout]
    art = artwork((box[1] - box[0], 460 if layout >= 2 else 380), np.random.default_rng(art_seed), inks)
    left = 0 if layout >= 2 else 40
    light[box[0] : box[1], left : left + art.shape[1]] = art
    lines = ((48, 545, 112, 620), (46, 120, 200, 600), (650, 500, 560, 60), (50, 130, 210, 290))[layout]
    write(light, author, (230, lines[0]), 30, ink, width=400)
    write(light, title, (230, lines[1]), 62, ink, width=420, bold=0.05)
    write(light, f"{series} SAGA", (230, lines[2]), 26, second, width=380)
    badge = ellipse(390 if layout != 3 else 230, lines[3], 46, 46)
    lay(light, area(badge, (690, 460)), second)
    write(light, f"{volume}", (390 if layout != 3 else 230, lines[3]), 52, (252, 250, 244), bold=0.06)
    return as_picture(light)


def _book(light: Floats, cover: Picture, hue: float, lean: float) -> Floats:
    """Stand a book at a slight angle, its back to the left; return where it is."""
    height, width = light.shape[:2]
    tall, wide = 0.82 * height, 0.82 * height * 0.63
    left, top = (width - wide) / 2 + 14, 0.08 * height
    front = np.array(
        [
            (left, top),
            (left + wide, top + lean * wide),
            (left + wide, top + tall - 0.6 * lean * wide),
            (left, top + tall),
        ]
    )
    back = np.array([(left - 42, top + 16), (left, top), (left, top + tall), (left - 42, top + tall - 14)])
    outline = np.maximum(area(front, (height, width)), area(back, (height, width)))
    shadow(light, outline, (26, 12), 16, 0.4)
    spine = np.full((100, 20, 3), hue_colour(hue, 0.7, 0.3), dtype=np.uint8)
    paint, side = on_quad(spine, back, (height, width))
    lay(light, side, paint)
    paint, face = on_quad(cover, front, (height, width))
    curve = np.zeros((height, width), dtype=np.float32)
    groove = np.exp(-(((np.arange(width) - left - 12) / 4.0) ** 2)).astype(np.float32)
    curve -= 3.0 * groove[None, :]
    shade, _ = lit(curve)
    fall = np.linspace(1.05, 0.92, width, dtype=np.float32)[None, :, None]
    lay(light, face, np.asarray(paint * shade[..., None] * fall, dtype=np.float32))
    return np.asarray(outline, dtype=np.float32)
