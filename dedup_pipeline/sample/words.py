"""The words of the sample shop: invented brands and sellers, categories, titles, descriptions."""

from typing import Literal, NamedTuple

from dedup_pipeline.sample.rendering.garments import Kind
from dedup_pipeline.sample.rendering.patterns import Pattern

BRANDS = (
    "Aarohi Loom", "Bluefen", "Chandra & Vale", "Dovetail Row", "Ember Lane", "Fern & Folly", "Gulmarg Thread",
    "Hazelwick", "Indra Weave", "Juniper Bazaar", "Kesarvan", "Larkmoor", "Mithila Nine", "Nimbus Attire",
    "Oakhaven", "Pavitra Studio", "Quillon", "Rangoli Park", "Saffron Mews", "Tulsi Tales", "Umbra Wear", "Vanya Knot",
)  # fmt: skip

SELLERS = (
    "Bright Basket Retail", "Crescent Mart", "Daisy Lane Store", "Evergreen Exports", "Fabric Junction Co",
    "Golden Kite Traders", "Hill View Fashions", "Ivy Corner", "Jasmine Retail House", "Kite String Sales",
    "Lotus Pond Trading", "Moonbeam Garments", "North Quay Stores", "Orchid Textile Hub", "Peacock Street",
)  # fmt: skip


class Shelf(NamedTuple):
    """Where one kind of product is sold: prefix of its ids, folder of its pictures, name, category, for whom."""

    prefix: str
    folder: str
    name: str
    category: str
    ideal_for: str


PackOrSet = Literal["pack", "set"]


class Contents(NamedTuple):
    """What one buys at once: a single product, a pack of one garment in several colours, or a set of different ones."""

    what: Literal["single"] | PackOrSet = "single"
    pieces: int = 1

    @property
    def specification(self) -> str:
        """As it stands in the specifications."""
        return f"{'Set' if self.what == 'set' else 'Pack'} of {self.pieces}"


SINGLE = Contents()

_WOMEN = "Apparels>Women>Western Wear>"
_FUSION = "Apparels>Women>Fusion Wear>Shirts, Tops & Tunics>"

SHELVES: dict[Kind, tuple[Shelf, ...]] = {
    "t-shirt": (
        Shelf("TSH", "t-shirt", "T-Shirt", "Apparels>Men>Polos & T-Shirts", "Men"),
        Shelf("TOP", "top", "Top", f"{_WOMEN}Shirts, Tops & Tunics>Tops", "Women"),
    ),
    "tunic": (
        Shelf("TUN", "tunic", "Tunic", f"{_FUSION}Tunics", "Women"),
        Shelf("TUN", "tunic", "Tunic", f"{_WOMEN}Shirts, Tops & Tunics>Tunics", "Women"),
        Shelf("TUN", "tunic", "Tunic", f"{_FUSION}Tunics Sets", "Women"),
    ),
    "shirt": (
        Shelf("SHT", "shirt", "Shirt", "Apparels>Men>Shirts>Casual & Party Wear Shirts", "Men"),
        Shelf("SHT", "shirt", "Shirt", f"{_WOMEN}Shirts, Tops & Tunics>Shirts", "Women"),
    ),
    "sweatshirt": (
        Shelf("SWS", "sweatshirt", "Sweatshirt", "Apparels>Men>Winter & Seasonal Wear>Sweatshirts", "Men"),
        Shelf("SWS", "sweatshirt", "Sweatshirt", f"{_WOMEN}Winter & Seasonal Wear>Sweatshirts", "Women"),
    ),
    "dress": (Shelf("DRE", "dress", "Dress", f"{_WOMEN}Dresses & Skirts>Dresses", "Women"),),
    "trouser": (
        Shelf("TRO", "trouser", "Trousers", "Apparels>Men>Cargos, Shorts & 3/4ths>Trousers", "Men"),
        Shelf("TRO", "trouser", "Trousers", f"{_WOMEN}Trousers & Capris>Trousers", "Women"),
    ),
    "short": (
        Shelf("SRT", "short", "Shorts", "Apparels>Men>Cargos, Shorts & 3/4ths>Shorts", "Men"),
        Shelf("SRT", "short", "Shorts", f"{_WOMEN}Shorts", "Women"),
    ),
    "skirt": (Shelf("SKI", "skirt", "Skirt", f"{_WOMEN}Dresses & Skirts>Skirts", "Women"),),
    "vest": (Shelf("VES", "vest", "Vest", "Apparels>Men>Inner Wear & Sleep Wear>Vests", "Men"),),
    "jacket": (
        Shelf("JCK", "jacket", "Jacket", "Apparels>Men>Winter & Seasonal Wear>Jackets", "Men"),
        Shelf("JCK", "jacket", "Jacket", f"{_WOMEN}Winter & Seasonal Wear>Jackets", "Women"),
    ),
    "hand-bag": (Shelf("BAG", "hand-bag", "Hand Bag", "Bags, Wallets & Belts>Bags>Hand Bags", ""),),
}

PATTERN_WORDS: dict[Pattern, str] = {
    "solid": "Solid",
    "melange": "Self Design",
    "stripes": "Striped",
    "pinstripes": "Striped",
    "gingham": "Checkered",
    "plaid": "Checkered",
    "dots": "Polka Print",
    "floral": "Floral Print",
    "paisley": "Paisley",
    "chevron": "Geometric Print",
    "leaves": "Printed",
    "diamonds": "Geometric Print",
    "tie-dye": "Printed",
    "blocks": "Colour Block",
    "print": "Graphic Print",
}

OCCASIONS = ("Casual", "Festive", "Formal", "Party", "Lounge Wear")
FABRICS = ("Cotton", "Cotton Blend", "Crepe", "Georgette", "Polyester", "Rayon", "Viscose")
ODD_CATEGORIES = ("", "null", "[[]]", '[[{"nodeid":20001}]]', "dummy", "womens_clothing")

_DESCRIPTIONS = (
    "Made from soft {fabric} with neat stitching. Wash with similar colours.",
    "A {occasion} favourite from {brand}: light {fabric}, easy fit, made to be worn often.",
    "{brand} brings you this {name} in {colour}. Colours may differ slightly from screen to screen.",
    "",
)


def write_title(
    shelf: Shelf, brand: str, pattern: Pattern, occasion: str, wording: int, *, contents: Contents = SINGLE
) -> str:
    """Return a product title; `wording` picks one of four habits of sellers."""
    word, whose = PATTERN_WORDS[pattern], f"{shelf.ideal_for}'s " if shelf.ideal_for else ""
    titles = (
        f"{brand} {word} {whose}{shelf.name}",
        f"{brand} {occasion} {word} {whose}{shelf.name}",
        f"{brand} {whose}{shelf.name} - {word}",
        f"{word} {shelf.name} for {occasion} Wear by {brand}",
    )
    title = titles[wording % len(titles)]
    if contents.what == "single":
        return title
    bundled = (
        f"{title} ({contents.specification})",
        f"{contents.specification} {title}",
        f"{title} Combo",
        f"{title}, {contents.specification}",
    )
    return bundled[wording % len(bundled)]


def write_description(wording: int, **values: str) -> str:
    """Return a description; `wording` picks one of the texts, one of which is empty."""
    return _DESCRIPTIONS[wording % len(_DESCRIPTIONS)].format(**values)


def slug(text: str) -> str:
    """Return a text as it stands in URLs: lower case letters and digits, joined by single hyphens."""
    kept = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in text.lower())
    return "-".join(kept.split())
