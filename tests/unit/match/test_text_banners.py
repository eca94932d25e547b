"""Cards of text that unrelated listings share: which pictures are cards, and whose cards make no pairs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

import tiny_shop
from dedup_pipeline.augmentation import edits
from dedup_pipeline.augmentation.edits import Colour, Picture
from dedup_pipeline.augmentation.reuploads import pack
from dedup_pipeline.model.network import write_model
from dedup_pipeline.pictures.decode import decode
from dedup_pipeline.pictures.perceptual import figures, square
from dedup_pipeline.pictures.text_cards import is_text_card
from dedup_pipeline.sample.rendering.photo import photograph
from dedup_pipeline.schemas import NodeState
from dedup_pipeline.stages.embed import embed
from dedup_pipeline.stages.index import index
from dedup_pipeline.stages.match.nodes import STATES, load_nodes
from dedup_pipeline.stages.match.text_banners import banners_among
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Done, run_stage
from studio import STYLES, look_of
from training.backbone import untrained_network

PHOTOS = [photograph(look_of(*style)) for style in STYLES]
Draw = Callable[[str], Picture]
RADIUS = 8


def _sheet(colour: Colour) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (480, 400), colour)
    return image, ImageDraw.Draw(image)


def size_chart(brand: str) -> Picture:
    image, draw = _sheet((255, 255, 255))
    draw.text((240, 30), f"{brand} SIZES", fill=(20, 20, 20), font=ImageFont.load_default(26), anchor="mm")
    draw.rectangle((30, 60, 450, 110), fill=(40, 60, 120))
    for row in range(7):
        draw.line((30, 60 + 50 * row, 450, 60 + 50 * row), fill=(20, 20, 20), width=2)
        for column, text in enumerate(("M", "40", "72", "61")):
            ink = (255, 255, 255) if row == 0 else (20, 20, 20)
            place = (80 + 105 * column, 85 + 50 * row)
            draw.text(place, f"{text}{row}", fill=ink, font=ImageFont.load_default(20), anchor="mm")
    return np.array(image, dtype=np.uint8)


def banner(words: str) -> Picture:
    image, draw = _sheet((250, 240, 210))
    draw.rectangle((30, 90, 450, 310), fill=(190, 30, 60))
    draw.text((240, 160), "FREE", fill=(255, 255, 255), font=ImageFont.load_default(90), anchor="mm")
    draw.text((240, 250), words, fill=(255, 255, 255), font=ImageFont.load_default(60), anchor="mm")
    return np.array(image, dtype=np.uint8)


def letter(name: str) -> Picture:
    image, draw = _sheet((30, 34, 40))
    for line, text in enumerate(
        (f"Dear friend of {name},", "all we sell is new and", "checked. Write to us", "first. Thank you!")
    ):
        draw.text((30, 70 + 70 * line), text, fill=(240, 240, 240), font=ImageFont.load_default(36), anchor="lm")
    return np.array(image, dtype=np.uint8)


def _is_card(picture: Picture) -> bool:
    return is_text_card(picture, square(picture))


CARDS: dict[str, Draw] = {"size chart": size_chart, "banner": banner, "letter": letter}
COPIES: dict[str, Callable[[Picture], Picture]] = {
    "as it is": lambda picture: picture,
    "jpeg 50": lambda picture: decode(edits.encode(picture, "jpeg", 50)),
    "smaller": lambda picture: decode(edits.encode(edits.resize(picture, 300), "jpeg", 75)),
    "padded": edits.pad_square,
}


def _table_of(width: int, height: int, columns: int, rows: int, letters: int) -> Picture:
    image = Image.new("RGB", (width, height), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    for row in range(rows):
        draw.line((0, height * row // rows, width, height * row // rows), fill=(150, 150, 150), width=1)
        for column in range(columns):
            place = (width * (2 * column + 1) // (2 * columns), height * (2 * row + 1) // (2 * rows))
            text = ("Chest", "Waist", "Hip", "Size", "Arm")[column % 5] if not row else f"{40 + 7 * row + 3 * column}"
            draw.text(place, text, fill=(20, 20, 20), font=ImageFont.load_default(letters), anchor="mm")
    return np.array(image, dtype=np.uint8)


@pytest.mark.parametrize(
    ("width", "height", "columns", "rows", "letters"),
    [
        (480, 1600, 4, 7, 17),
        (300, 1800, 3, 12, 16),
        (2000, 400, 14, 4, 20),
        (1200, 1200, 8, 12, 18),
        (360, 900, 4, 10, 14),
    ],
)
def test_a_size_chart_is_a_card_whatever_its_shape_and_its_letters(width, height, columns, rows, letters) -> None:
    chart = _table_of(width, height, columns, rows, letters)
    assert _is_card(chart)
    assert _is_card(decode(edits.encode(chart, "jpeg", 80)))


@pytest.mark.parametrize("name", CARDS)
@pytest.mark.parametrize("copy", COPIES)
def test_drawn_text_is_a_card_however_it_is_stored(name: str, copy: str) -> None:
    assert _is_card(COPIES[copy](CARDS[name]("Indra")))


def test_no_product_is_a_card() -> None:
    shot = PHOTOS
    generator = np.random.default_rng(4)
    packs = [pack(one, other, generator) for one, other in zip(shot[::2], shot[1::2], strict=False)]
    printed = [edits.sticker(photo, ((-1, -1), (1, -1), (1, 1), (-1, 1)), centre=(0.5, 0.5), size=0.3,
                             colours=((250, 220, 30), (20, 20, 20)), text="SALE") for photo in shot]  # fmt: skip
    marked = [edits.corner_logo(photo, "Tirupur Knits", size=0.06, colour=(20, 20, 20)) for photo in shot]
    assert all(picture is not None for picture in packs)
    wrong = [place for place, picture in enumerate([*shot, *packs, *printed, *marked]) if _is_card(picture)]
    assert wrong == []


def _states(pictures: list[Picture], listings: list[list[dict[str, str]]]) -> list[str]:
    seen = figures(np.stack([square(picture) for picture in pictures]))
    cards = np.array([_is_card(picture) for picture in pictures])
    said = [some for some, card in zip(listings, cards, strict=True) if card]
    banners = cards.copy()
    banners[cards] = banners_among(seen.phash[cards, 0], seen.dhash[cards, 0], said, RADIUS)
    return ["banner" if banner else "matched" for banner in banners.tolist()]


def _listing(
    family: str, category: str = "tunic", brand: str = "Indra", title: str = "Indra Silk Tunic"
) -> dict[str, str]:
    return {"family_id": family, "category": category, "brand": brand, "title": title}


@pytest.mark.parametrize(
    ("second", "state"),
    [
        (_listing("B", category="watch"), "banner"),
        (_listing("B", brand="Nakshi"), "banner"),
        (_listing("B", title="Indra Linen Trouser, Slim Fit"), "banner"),
        (_listing("B", title="Silk Tunic by Indra"), "matched"),  # a poster or the cover of a book, sold twice
        (_listing("A", category="watch", title="Indra Linen Trouser"), "matched"),  # one family
    ],
)
def test_a_card_is_set_apart_where_its_listings_are_not_one_product(second: dict[str, str], state: str) -> None:
    assert _states([banner("SHIPPING")], [[_listing("A"), second]]) == [state]


def test_copies_of_a_card_are_one_card() -> None:
    card = size_chart("Indra")
    copies = [card, *(COPIES[name](card) for name in ("jpeg 50", "smaller")), size_chart("Nakshi")]
    shown = [[_listing(str(place), category=f"category {place}")] for place in range(len(copies))]
    assert _states(copies, shown) == ["banner"] * len(copies)
    assert _states([card, banner("SHIPPING")], shown[:2]) == ["matched"] * 2


def test_photos_that_unrelated_listings_share_stay() -> None:
    shot = PHOTOS[:4]
    shown = [[_listing("A"), _listing("B", category="watch", brand="Nakshi")] for _ in shot]
    assert _states(shot, shown) == ["matched"] * len(shot)


def test_a_dump_sets_its_banners_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card, draw = size_chart("Indra"), tiny_shop.draw_product
    copies = {1: card, 3: edits.resize(card, 300)}
    monkeypatch.setattr(tiny_shop, "draw_product", lambda number: copies.get(number, draw(number)))
    settings = tiny_shop.write_tiny_shop(tmp_path / "store", 6)
    store, dump = Store(settings.store), tiny_shop.DUMP
    torch.manual_seed(3)
    model_id = write_model(store, untrained_network(settings.train), {})
    done = Done({"model": store.model(model_id, "model.json")}, {"model_id": model_id})
    run_stage(store, dump, "train", inputs={}, version=1, work=lambda: done)
    embed(settings, dump)
    index(settings, dump)
    nodes = load_nodes(settings, dump)
    states = [STATES[code] for code in nodes.states.tolist()]
    assert sorted(states) == [NodeState.BANNER] * 2 + [NodeState.MATCHED] * 4
    assert int(nodes.matched.sum()) == 4
    shown = [nodes.features.sizes[row].tolist() for row, state in enumerate(states) if state is NodeState.BANNER]
    assert sorted(shown) == [[300, 250], [480, 400]]


def test_a_pattern_of_thousands_of_marks_is_no_card_and_takes_no_memory() -> None:
    picture = np.full((320, 320, 3), 255, dtype=np.uint8)
    for row in range(2, 312, 7):
        picture[row : row + 5, 1::2] = 0  # bars of one pixel: 7,000 marks as high as letters
    assert not _is_card(picture)
    cards = [is_text_card(picture, np.full((64, 64, 3), 255, dtype=np.uint8))]
    assert cards == [False]
