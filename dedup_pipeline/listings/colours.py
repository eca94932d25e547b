"""The colours that a listing names, as far as its words tell."""

from __future__ import annotations

import re
import unicodedata
from enum import IntFlag, auto
from functools import reduce
from operator import or_


class Colour(IntFlag):
    """The plain colours; a shade between two of them is both."""

    BLACK = auto()
    GREY = auto()
    WHITE = auto()
    BEIGE = auto()
    BROWN = auto()
    RED = auto()
    ORANGE = auto()
    YELLOW = auto()
    GREEN = auto()
    BLUE = auto()
    PURPLE = auto()
    PINK = auto()


NONE = Colour(0)
ANY = reduce(or_, Colour)  # several colours, or whichever comes: contradicts nothing

# what is a colour wherever it stands
_COLOURS: dict[str, Colour] = {
    "black": Colour.BLACK,
    "charcoal": Colour.BLACK | Colour.GREY,
    "grey": Colour.GREY,
    "gray": Colour.GREY,
    "silver": Colour.GREY | Colour.WHITE,
    "white": Colour.WHITE,
    "ivory": Colour.WHITE | Colour.BEIGE | Colour.YELLOW,
    "ecru": Colour.WHITE | Colour.BEIGE,
    "beige": Colour.BEIGE | Colour.BROWN,
    "khaki": Colour.BEIGE | Colour.BROWN | Colour.GREEN,
    "taupe": Colour.BEIGE | Colour.BROWN | Colour.GREY,
    "brown": Colour.BROWN,
    "red": Colour.RED,
    "crimson": Colour.RED,
    "scarlet": Colour.RED,
    "maroon": Colour.RED | Colour.BROWN | Colour.PURPLE,
    "burgundy": Colour.RED | Colour.BROWN | Colour.PURPLE,
    "orange": Colour.ORANGE,
    "yellow": Colour.YELLOW,
    "mustard": Colour.YELLOW | Colour.BROWN | Colour.ORANGE,
    "green": Colour.GREEN,
    "teal": Colour.GREEN | Colour.BLUE,
    "turquoise": Colour.GREEN | Colour.BLUE,
    "cyan": Colour.GREEN | Colour.BLUE,
    "blue": Colour.BLUE,
    "navy": Colour.BLUE,
    "indigo": Colour.BLUE | Colour.PURPLE,
    "purple": Colour.PURPLE,
    "violet": Colour.PURPLE,
    "magenta": Colour.PURPLE | Colour.PINK,
    "fuchsia": Colour.PURPLE | Colour.PINK,
    "mauve": Colour.PURPLE | Colour.PINK,
    "pink": Colour.PINK,
}

# what is one in a colour attribute only: in a title it is as often a print, a cloth or a name
_SHADES: dict[str, Colour] = {
    "graphite": Colour.BLACK | Colour.GREY,
    "slate": Colour.GREY | Colour.BLUE,
    "cream": Colour.WHITE | Colour.BEIGE | Colour.YELLOW,
    "pearl": Colour.WHITE | Colour.BEIGE,
    "sand": Colour.BEIGE | Colour.BROWN,
    "camel": Colour.BEIGE | Colour.BROWN,
    "tan": Colour.BEIGE | Colour.BROWN,
    "nude": Colour.BEIGE | Colour.PINK,
    "chocolate": Colour.BROWN,
    "coffee": Colour.BROWN,
    "bronze": Colour.BROWN | Colour.YELLOW,
    "copper": Colour.BROWN | Colour.ORANGE,
    "rust": Colour.BROWN | Colour.ORANGE | Colour.RED,
    "wine": Colour.RED | Colour.PURPLE,
    "rose": Colour.RED | Colour.PINK,
    "coral": Colour.RED | Colour.PINK | Colour.ORANGE,
    "salmon": Colour.PINK | Colour.ORANGE,
    "peach": Colour.PINK | Colour.ORANGE,
    "gold": Colour.YELLOW | Colour.BROWN,
    "golden": Colour.YELLOW | Colour.BROWN,
    "lemon": Colour.YELLOW,
    "lime": Colour.YELLOW | Colour.GREEN,
    "olive": Colour.GREEN | Colour.BROWN,
    "emerald": Colour.GREEN,
    "mint": Colour.GREEN,
    "aqua": Colour.GREEN | Colour.BLUE,
    "denim": Colour.BLUE,
    "cobalt": Colour.BLUE,
    "lavender": Colour.PURPLE,
    "lilac": Colour.PURPLE | Colour.PINK,
    "plum": Colour.PURPLE | Colour.RED,
}

COLOUR_WORDS = frozenset(_COLOURS)  # in a title

_MANY = re.compile(r"\b(multi\w*|assorted|rainbow|various)\b")
_WORD = re.compile(r"[^\W\d_]+")


def colours_of(colour: str | None, title: str | None, brand: str | None = None) -> Colour:
    """The colours that a listing may have by its own words.

    Args:
        colour: its colour attribute.
        title: its title, in which words count that are hardly anything but colours.
        brand: its brand, whose words do not count in the title: a shirt of Purple Kite is of any colour.

    Returns:
        Every colour named; none when no word is known; all when the attribute or the title says that it has several.
    """
    attribute, name = _plain(colour), _plain(title)
    if own := _plain(brand):
        name = name.replace(own, " ")
    if _MANY.search(attribute) or _MANY.search(name):
        return ANY
    found = NONE
    for word in _WORD.findall(attribute):
        found |= _COLOURS.get(word, NONE) | _SHADES.get(word, NONE)
    for word in _WORD.findall(name):
        found |= _COLOURS.get(word, NONE)
    return found


def colours_contradict(a: Colour, b: Colour) -> bool:
    """Whether both name colours and share none."""
    return bool(a) and bool(b) and not a & b


def _plain(text: str | None) -> str:
    return unicodedata.normalize("NFKC", text or "").casefold().strip()
