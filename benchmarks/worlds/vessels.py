"""Worlds of vessels: labelled bottles, packs of them, black things on black and white things on white."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dedup_pipeline.augmentation.edits import Colour, Picture
from dedup_pipeline.augmentation.edits.picture import as_picture
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.outlines import Points, ellipse, spline

from .artwork import artwork
from .brush import (
    Shape,
    Turned,
    area,
    backdrop,
    develop,
    hue_colour,
    lay,
    lay_turned,
    shadow,
    shifted_colour,
    solid,
    strokes,
    table_top,
    turned,
    wrapped,
)
from .goods import MANY, Family, Product, goods, invented, picked
from .lettering import write

FLAVOURS = (
    "LEMON", "CHERRY", "MINT", "VANILLA", "MANGO", "PEACH", "COCOA", "BERRY", "GINGER", "APPLE", "HONEY", "ROSE",
    "LIME", "PLUM", "COCONUT", "ORANGE", "LAVENDER", "ALOE", "GUAVA", "FIG",
)  # fmt: skip
_KINDS = ("Shampoo", "Juice", "Body Lotion", "Syrup", "Hand Wash", "Sauce")
BOTTLE = goods("BOT", "Bottle", "Beauty & Care>Bath>Bottles", "Plastic,Glass", (149, 899))


@dataclass(frozen=True)
class Form:
    """The form of a bottle that a brand fills with all it sells: profile, cap and label as shares of its height.

    Attributes:
        profile: `(N, 2)`: height from the top and radius.
        cap: height and radius of its cap.
        label: upper and lower edge.
        layout: 0 to 3, how the label is set.
        tint: of the bottle itself; None where it has the colour of what is in it.
        cap_colour: None where it has the accent of the label.
        gloss: strength of reflexes.
    """

    profile: Points
    cap: tuple[float, float]
    label: tuple[float, float]
    layout: int
    tint: Colour | None
    cap_colour: Colour | None
    gloss: float


def draw_form(generator: np.random.Generator) -> Form:
    """Draw the form of a bottle or a jar."""
    neck, belly = generator.uniform(0.05, 0.09), generator.uniform(0.15, 0.23)
    shoulder = generator.uniform(0.22, 0.36)
    foot = belly * generator.uniform(0.84, 1.02)
    body = spline((neck, 0.12), (neck * 1.1, 0.16), (belly * 0.8, shoulder - 0.05), (belly, shoulder + 0.03))
    profile = np.vstack([body[:, ::-1], [(0.93, foot), (0.97, foot * 0.99), (1.0, foot * 0.93)]])
    tints: tuple[Colour | None, ...] = (None, (240, 240, 238), (96, 54, 24), (46, 70, 58), (226, 230, 232), None)
    caps: tuple[Colour | None, ...] = ((30, 30, 34), (236, 236, 234), (196, 160, 84), None)
    return Form(
        profile=profile,
        cap=(float(generator.uniform(0.08, 0.14)), float(neck * generator.uniform(1.15, 1.4))),
        label=(shoulder + 0.08, float(generator.uniform(0.82, 0.9))),
        layout=int(generator.integers(4)),
        tint=tints[generator.integers(len(tints))],
        cap_colour=caps[generator.integers(len(caps))],
        gloss=float(generator.uniform(0.25, 0.9)),
    )


def draw_label(
    form: Form, brand: str, kind: str, flavour: str, hue: float, *, generator: np.random.Generator
) -> Picture:
    """Print a label `(420, 420, 3)`: one layout for a brand, with the name, colour and fruit of a flavour."""
    accent, pale = hue_colour(hue, 0.75, 0.7), hue_colour(hue, 0.18, 0.97)
    light = np.full((420, 420, 3), pale if form.layout % 2 else (248, 246, 240), dtype=np.float32)
    ink: Colour = (38, 34, 40)
    band = ((40, 150), (240, 380), (0, 420), (150, 270))[form.layout]
    if form.layout != 2:
        light[band[0] : band[1]] = accent
    else:
        light[:, 120:300] = accent
    on_band: Colour = (252, 250, 244)
    tops = ((95, 215, 330), (60, 310, 160), (80, 210, 340), (70, 210, 350))[form.layout]
    room = 164 if form.layout == 2 else 196
    write(light, brand.upper(), (210, tops[0]), 44, on_band if form.layout in {0, 2} else ink, width=room, bold=0.06)
    write(light, flavour, (210, tops[1]), 62, on_band if form.layout in {1, 2, 3} else ink, width=room, bold=0.05)
    write(light, kind, (210, tops[1] + 44), 26, on_band if form.layout in {1, 2, 3} else ink, width=170)
    for step in range(int(generator.integers(3, 6))):
        x, y = 160 + 26 * step + generator.normal(0, 6), tops[2] + generator.normal(0, 8)
        fruit, leaf = generator.uniform(16, 26), generator.uniform(0.6, 1.4)
        disc = ellipse(x, y, fruit, fruit * leaf)
        solid(light, area(disc, (420, 420)), hue_colour(hue, 0.85, 0.85), bevel=14, gloss=0.3)
        lay(light, area(ellipse(x + 6, y - 18, 9, 4, -35), (420, 420)), (60, 130, 60))
    return as_picture(light)


def paint_bottle(
    light: Floats, form: Form, label: Picture, hue: float, at: tuple[float, float, float], *, turn: float = 0.0
) -> Floats:
    """Stand a bottle on what is there.

    Args:
        light: painted over.
        form: of the bottle.
        label: see `draw_label`.
        hue: of what is in it.
        at: x of its axis, y of its top, height, in pixels.
        turn: how far it is turned, as a share of the label.

    Returns:
        Where it is, `(H, W)`.
    """
    x, top, height = at
    shape = (light.shape[0], light.shape[1])
    body = turned(form.profile * height + (top, 0.0), x, shape)
    radius = form.cap[1] * height
    cap_profile = np.array([(0.0, 0.94), (0.02, 1.0), (1.0, 1.0)]) * (form.cap[0] * height + 0.05 * height, radius)
    cap = turned(np.add(cap_profile, (top - 0.02 * height, 0.0)), x, shape)
    whole = np.maximum(body.alpha, cap.alpha)
    foot = top + height
    contact = area(ellipse(x, foot - 4, form.profile[-1, 1] * height * 1.05, 0.028 * height), shape)
    shadow(light, contact, (0.03 * height, 0.006 * height), 0.012 * height, 0.5)
    shadow(light, contact, (0.12 * height, 0.0), 0.05 * height, 0.3)
    content = form.tint or hue_colour(hue, 0.65, 0.75)
    lay_turned(light, body, content, gloss=form.gloss)
    paint, inside = wrapped(label, body, top + form.label[0] * height, top + form.label[1] * height, turn)
    stuck = Turned(inside, body.across, body.down)
    lay_turned(light, stuck, paint, gloss=0.25 * form.gloss)
    lay_turned(light, cap, form.cap_colour or hue_colour(hue, 0.75, 0.6), gloss=0.5)
    rim = top - 0.02 * height - 0.072 * radius
    lay(light, area(ellipse(x, rim, radius, 0.12 * radius), shape), lid(form.cap_colour or hue_colour(hue, 0.75, 0.6)))
    ridges = 0.12 * (np.sin(np.arcsin(cap.across) * 40) > 0.3) * cap.alpha
    light *= (1.0 - ridges.astype(np.float32))[..., None]
    return np.asarray(whole, dtype=np.float32)


def labelled_bottles(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """Brands that fill one bottle with many flavours, the labels set alike."""
    while True:
        form, brand, kind = draw_form(generator), invented(generator), picked(generator, _KINDS)
        shape = (int(generator.integers(720, 860)), int(generator.integers(560, 680)))
        ground = _stage(shape, generator)
        flavours = generator.permutation(FLAVOURS)[: min(most, int(generator.integers(4, 8)))].tolist()
        turn, size = float(generator.uniform(-0.05, 0.05)), float(generator.uniform(0.8, 0.88)) * shape[0]
        hue = float(generator.random())
        family: Family = []
        for number, flavour in enumerate(flavours):
            own = hue if number % 3 == 1 else hue + float(generator.uniform(0.15, 0.85))
            light = ground.copy()
            label = draw_label(form, brand, kind, flavour, own, generator=generator)
            at = (shape[1] / 2, shape[0] - size - 0.06 * shape[0], size)
            cover = paint_bottle(light, form, label, own, at, turn=turn)
            title = picked(generator, (f"{brand} {kind}", f"{brand} {kind} 200 ml", f"{brand} {kind}"))
            family.append(Product(develop(light, cover, generator), BOTTLE, brand, title))
        yield family


def _stage(shape: Shape, generator: np.random.Generator) -> Floats:
    """Paint where things stand: a white sweep, or a table before a wall."""
    if generator.random() < 0.5:
        return backdrop(shape, shifted_colour((240, 240, 238), generator, 6), generator, 0.1)
    wall = hue_colour(float(generator.random()), generator.uniform(0.05, 0.3), generator.uniform(0.7, 0.95))
    top = hue_colour(float(generator.random()), generator.uniform(0.05, 0.35), generator.uniform(0.6, 0.9))
    return table_top(shape, wall, top, float(generator.uniform(0.55, 0.75)), generator)


def packs(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """One bottle alone, in packs of two and three, beside another one, and in a set with a mug."""
    while True:
        form, brand, kind = draw_form(generator), invented(generator), picked(generator, _KINDS)
        shape = (int(generator.integers(640, 740)), int(generator.integers(680, 820)))
        ground, other = _stage(shape, generator), draw_form(generator)
        hues, names = generator.random(3), generator.permutation(FLAVOURS)[:3].tolist()
        labels = [
            draw_label(form, brand, kind, n, float(h), generator=generator) for n, h in zip(names, hues, strict=True)
        ]
        second = draw_label(other, brand, "Care", names[0], float(hues[0]), generator=generator)
        size = float(generator.uniform(0.68, 0.78)) * shape[0]
        contents: list[tuple[str, tuple[int, ...], bool, bool]] = [
            ("", (0,), False, False),
            (" (Pack of 2)", (0, 0), False, False),
            (" (Pack of 3)", (0, 0, 0), False, False),
            (" Combo", (0, 1), False, False),
            (" Gift Set", (0,), True, False),
            (" Set", (0,), False, True),
            ("", (1,), False, False),
            (" Combo", (0, 1, 2), False, False),
        ]
        family: Family = []
        for place in generator.permutation(len(contents))[: min(most, int(generator.integers(4, 8)))].tolist():
            words_, shown, mug, beside = contents[place]
            light, cover = ground.copy(), np.zeros(shape, dtype=np.float32)
            count = len(shown) + mug + beside
            step = min(0.42 * size, shape[1] / (count + 0.6))
            left = shape[1] / 2 - step * (count - 1) / 2
            foot = 0.93 * shape[0]
            for number, flavour in enumerate(shown):
                at = (left + number * step, foot - size, size)
                cover = np.maximum(cover, paint_bottle(light, form, labels[flavour], float(hues[flavour]), at))
            at = (left + (count - 1) * step, foot - 0.85 * size, 0.85 * size)
            if beside:
                cover = np.maximum(cover, paint_bottle(light, other, second, float(hues[0]), at))
            if mug:
                art = artwork((300, 300), np.random.default_rng(int(hues[2] * 2**31)))
                cover = np.maximum(
                    cover, paint_mug(light, (at[0] + 0.04 * size, foot, 0.42 * size), (236, 234, 230), art)
                )
            title = f"{brand} {kind}" + (words_ if generator.random() < 0.7 else "")
            family.append(Product(develop(light, cover, generator), BOTTLE, brand, title))
        yield family


def lid(colour: Colour) -> Colour:
    """Return the colour of a thing's top, which sees more of the lamp than its side."""
    red, green, blue = (min(255, round(0.9 * value + 22)) for value in colour)
    return red, green, blue


def paint_mug(light: Floats, at: tuple[float, float, float], colour: Colour, art: Picture | None = None) -> Floats:
    """Stand a mug at x and y of its foot with a height in pixels; return where it is."""
    x, foot, height = at
    shape, radius = (light.shape[0], light.shape[1]), 0.42 * height
    body = turned(np.array([(foot - height, radius), (foot - 0.05 * height, radius), (foot, 0.9 * radius)]), x, shape)
    handle = spline((radius * 0.9, -0.8), (radius * 1.6, -0.72), (radius * 1.62, -0.35), (radius * 0.9, -0.2))
    ear = strokes([handle * (1.0, height) + (x, foot)], 0.11 * height, shape)
    shadow(light, np.maximum(body.alpha, ear), (0.1 * height, 0.02 * height), 0.06 * height, 0.25)
    solid(light, ear, colour, bevel=0.05 * height, gloss=0.3)
    lay_turned(light, body, colour, gloss=0.4)
    if art is not None:
        paint, inside = wrapped(art, body, foot - 0.85 * height, foot - 0.15 * height)
        lay_turned(light, Turned(inside, body.across, body.down), paint, gloss=0.1)
    rim = ellipse(x, foot - height + 0.02 * height, radius, 0.14 * radius)
    lay(light, area(rim, shape), shifted_colour(colour, np.random.default_rng(1), 0.0))
    inner = ellipse(x, foot - height + 0.025 * height, 0.93 * radius, 0.115 * radius)
    dark = (round(0.62 * colour[0]), round(0.62 * colour[1]), round(0.62 * colour[2]))
    lay(light, area(inner, shape), dark)
    return np.asarray(np.maximum(body.alpha, ear), dtype=np.float32)
