"""The rows of the sample shop's catalog.csv, with the faults that real dumps have."""

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np

from dedup_pipeline.sample import words
from dedup_pipeline.sample.pictures import file_name
from dedup_pipeline.sample.plan import Offer

COLUMNS = (
    "productId", "title", "description", "imageUrlStr", "mrp", "sellingPrice", "specialPrice", "productUrl",
    "categories", "productBrand", "productFamily", "inStock", "codAvailable", "offers", "discount", "shippingCharges",
    "deliveryTime", "size", "color", "sizeUnit", "storage", "displaySize", "keySpecsStr", "detailedSpecsStr",
    "specificationList", "sellerName", "sellerAverageRating", "sellerNoOfRatings", "sellerNoOfReviews", "sleeve",
    "neck", "idealFor",
)  # fmt: skip

_URL_SIZES = ("original", "200x200", "400x400", "800x800")
_EXTRA_FIELDS = (2, 9, 17, 33, 52)
_FILLERS = ("easy wear", "fresh look", "hand wash", "light feel", "two colours")
_NO_IMAGE = ("", "{base}", "N/A")
_REPEATED = 6
_EMPTY_TITLES, _EMPTY_BRANDS, _NULLS, _SINGLE_URLS = 2, 3, 3, 3

Row = dict[str, str]


@dataclass(frozen=True)
class Catalog:
    """The lines of catalog.csv below its header, and what is wrong with the families.

    Attributes:
        lines: fields of each line; 32 in good ones.
        repeated: lines that repeat a productId.
        one_sided: pairs of listings of which only one names the other.
    """

    lines: list[list[str]]
    repeated: int
    one_sided: list[tuple[str, str]]


def build_catalog(offers: list[Offer], spoilable: set[str], generator: np.random.Generator) -> Catalog:
    """Write all offers as catalog lines.

    Args:
        offers: everything the shop sells.
        spoilable: families without any true duplicate; only their rows get odd fields.
        generator: source of all choices.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for offer in offers:
        members[offer.family] += [product_id for product_id, _ in offer.listings]
    pairs = [(offer, _rows(offer, members[offer.family], generator)) for offer in offers]
    one_sided = _forget_one_member([rows for offer, rows in pairs if offer.photo.kind == "photo"])
    _spoil([rows for offer, rows in pairs if offer.family in spoilable and offer.photo.kind == "photo"], generator)
    lines: list[list[str]] = []
    for offer, rows in pairs:
        lines += [list(row.values()) for row in rows if offer.photo.kind != "malformed"]
    malformed = [row for offer, rows in pairs if offer.photo.kind == "malformed" for row in rows]
    lines += [_malformed(row, extra) for row, extra in zip(malformed, _EXTRA_FIELDS, strict=True)]
    lines = [lines[i] for i in generator.permutation(len(lines))]
    repeated = _repeated(pairs)
    for row in repeated:
        lines.insert(int(generator.integers(len(lines))), list(row.values()))
    return Catalog(lines, len(repeated), one_sided)


def _rows(offer: Offer, family: list[str], generator: np.random.Generator) -> list[Row]:
    """Return one row per listing; all but id, size, price and stock are the same in each."""
    rows = []
    slug, item = words.slug(offer.title), "".join(generator.choice(list("23456789abcdefghjkmnpqrstvwxyz"), 13).tolist())
    names_itself = bool(generator.random() < 0.5)
    for product_id, size in offer.listings:
        others = [other for other in sorted(family) if other != product_id]
        if not others and names_itself:
            others = [product_id]
        price = round(offer.price * float(generator.uniform(0.5, 0.95)))
        row = dict.fromkeys(COLUMNS, "")
        row |= {
            "productId": product_id,
            "title": offer.title,
            "description": offer.description,
            "imageUrlStr": _urls(offer, generator),
            "mrp": _number(offer.price, generator),
            "sellingPrice": _number(price, generator),
            "specialPrice": _number(price - int(generator.integers(0, 20)), generator),
            "productUrl": f"{{base}}/dl/{slug}/p/itm{item}?pid={product_id}",
            "categories": offer.shelf.category,
            "productBrand": offer.brand,
            "productFamily": ",".join(others),
            "size": size,
            "color": offer.colour if generator.random() < 0.9 else "",
            "sellerName": offer.seller,
            "idealFor": offer.shelf.ideal_for,
        }
        rows.append(row | _specifications(offer) | _terms(offer.price, price, generator))
    return rows


def _urls(offer: Offer, generator: np.random.Generator) -> str:
    if offer.photo.kind == "no-image":
        return _NO_IMAGE[generator.integers(len(_NO_IMAGE))]
    return ";".join(f"{{base}}/{file_name(offer.photo, size)}" for size in _URL_SIZES)


def _specifications(offer: Offer) -> Row:
    specifications = (
        f"Pattern: {words.PATTERN_WORDS[offer.pattern]};Fabric: {offer.fabric};Occasion: {offer.occasion};"
        f"{offer.contents.specification}"
    )
    return {"keySpecsStr": specifications, "detailedSpecsStr": specifications}


def _terms(mrp: int, price: int, generator: np.random.Generator) -> Row:
    """Return what changes from offer to offer and says nothing about the product."""
    return {
        "inStock": str(bool(generator.random() < 0.6)),
        "codAvailable": str(bool(generator.random() < 0.9)),
        "discount": _number(round(100 * (mrp - price) / mrp), generator),
        "shippingCharges": _number(int(generator.choice([0, 40, 50])), generator),
        "deliveryTime": "Usually Delivered in 5 - 6 days." if generator.random() < 0.33 else "",
        "sellerAverageRating": f"{generator.uniform(2.2, 4.6):.1f}",
        "sellerNoOfRatings": _number(int(generator.geometric(0.01)), generator),
        "sellerNoOfReviews": _number(int(generator.geometric(0.2)) - 1, generator),
    }


def _number(value: int, generator: np.random.Generator) -> str:
    """Write a number as real dumps do: sometimes as 499, mostly as 499.0."""
    return str(value) if generator.random() < 0.35 else f"{value}.0"


def _forget_one_member(families: list[list[Row]]) -> list[tuple[str, str]]:
    """Let one listing of one family of three or more forget one of the others; return the pair."""
    for rows in families:
        if len(rows) > 2:
            forgotten = rows[1]["productId"]
            kept = [other for other in rows[0]["productFamily"].split(",") if other != forgotten]
            rows[0]["productFamily"] = ",".join(kept)
            first, second = sorted((rows[0]["productId"], forgotten))
            return [(first, second)]
    return []


def _spoil(families: list[list[Row]], generator: np.random.Generator) -> None:
    """Put odd categories, empty and `null` fields and single URLs into some families, another fault in each."""
    faults: list[Row] = [{"categories": category} for category in words.ODD_CATEGORIES]
    faults += [{"title": ""}] * _EMPTY_TITLES + [{"productBrand": ""}] * _EMPTY_BRANDS
    faults += [{"productBrand": "null", "color": "null", "description": "null"}] * _NULLS
    faults += [{"imageUrlStr": "one"}] * _SINGLE_URLS
    for fault, index in zip(faults, generator.permutation(len(families)), strict=False):
        for row in families[index]:
            single = {"imageUrlStr": row["imageUrlStr"].split(";")[0]} if "imageUrlStr" in fault else {}
            row.update(fault | single)


def _malformed(row: Row, extra: int) -> list[str]:
    """Split the description into more fields than the header has, as unquoted commas do."""
    fields = list(row.values())
    place = COLUMNS.index("description")
    return [*fields[:place], *(_FILLERS[i % len(_FILLERS)] for i in range(extra + 1)), *fields[place + 1 :]]


def _repeated(pairs: list[tuple[Offer, list[Row]]]) -> list[Row]:
    """Repeat some rows: most as they are, one at another price, one without its picture."""
    rows = [dict(rows[0]) for offer, rows in pairs if offer.photo.kind == "photo"]
    chosen = [rows[i] for i in np.linspace(0, len(rows) - 1, _REPEATED).astype(int)]
    chosen[1] |= {"sellingPrice": "111.0"}
    chosen[2] |= {"imageUrlStr": ""}
    return chosen


def without_medium_file(offer: Offer) -> Offer:
    """Return the offer with a photo whose 400x400 file does not exist, though its URL does."""
    return replace(
        offer, photo=replace(offer.photo, stored=("original", "200x200"), edits="missing-400x400", decoration=None)
    )
