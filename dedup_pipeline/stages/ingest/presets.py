"""Which column of a dump holds which field.

``flipkart``
    The 32 columns of the 2018 dump. ``productFamily`` lists product ids; ``imageUrlStr`` holds one photo at several
    sizes, separated by ``;``.
``google_merchant``
    A product feed, tab- or comma-separated; ``image link`` and ``image_link`` are the same name. ``item_group_id`` is
    a key that the variants of a product share.
``shopify``
    A product export. A product is one listing, known by its ``Handle``: that is what a person keeps or removes, and
    variants seldom have a picture or even an SKU of their own. The first row of a Handle tells title, price and
    picture; its further rows (variants, more pictures) are kept as rejects of reason ``repeated-id``, so that every row
    is accounted for. To have a listing for each variant, set ``ingest.columns`` to ``id=Variant SKU,image=Variant
    Image,family=Handle``: the Handle is then the key of the family.
``columns``
    Nothing but ``ingest.columns``. A family may be a list of ids or a key: both link the rows that name the same.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dedup_pipeline.config import IngestSettings
from dedup_pipeline.errors import InputError, SettingsError
from dedup_pipeline.wording import tidy

FIELDS = ("id", "image", "family", "title", "brand", "category", "seller", "colour", "price")
REQUIRED = ("id", "image")


@dataclass(frozen=True)
class CatalogLayout:
    """How a dump names and fills its fields.

    Attributes:
        columns: field to column names; where a dump has several of them, the first that is filled counts.
        family_is_key: the family is a key that variants share, not a list of product ids.
        photo_separator: what separates the renditions of the photo; empty where there is but one.
        tabs: a header line with a tab in it is tab-separated, whatever the settings say.
    """

    columns: Mapping[str, tuple[str, ...]]
    family_is_key: bool = False
    photo_separator: str = ";"
    tabs: bool = False


_PRESETS = {
    "flipkart": CatalogLayout(
        {
            "id": ("productId",),
            "image": ("imageUrlStr",),
            "family": ("productFamily",),
            "title": ("title",),
            "brand": ("productBrand",),
            "category": ("categories",),
            "seller": ("sellerName",),
            "colour": ("color",),
            "price": ("sellingPrice",),
        }
    ),
    "google_merchant": CatalogLayout(
        {
            "id": ("id",),
            "image": ("image_link",),
            "family": ("item_group_id",),
            "title": ("title",),
            "brand": ("brand",),
            "category": ("product_type", "google_product_category"),
            "seller": ("seller_name", "external_seller_id"),
            "colour": ("color",),
            "price": ("sale_price", "price"),
        },
        family_is_key=True,
        photo_separator="",
        tabs=True,
    ),
    "shopify": CatalogLayout(
        {
            "id": ("Handle",),
            "image": ("Image Src",),
            "family": ("Handle",),
            "title": ("Title",),
            "brand": ("Vendor",),
            "category": ("Product Category", "Type"),
            "colour": ("Color (product.metafields.shopify.color-pattern)",),
            "price": ("Variant Price",),
        },
        family_is_key=True,
        photo_separator="",
    ),
    "columns": CatalogLayout({}),
}


def layout_of(settings: IngestSettings) -> CatalogLayout:
    """The preset with ``ingest.columns`` laid over it.

    Raises:
        SettingsError: ``ingest.columns`` names an unknown field, the preset ``columns`` lacks a required one, or
            ``ingest.delimiter`` cannot separate fields.
    """
    if not settings.delimiter.isascii() or settings.delimiter in '"\r\n\0':
        raise SettingsError(
            f"ingest.delimiter {settings.delimiter!r} cannot separate fields: take ',', ';', '|' or a tab"
        )
    preset = _PRESETS[settings.preset]
    for field in settings.columns:
        if field not in FIELDS:
            near = difflib.get_close_matches(field, FIELDS, n=1, cutoff=0.4)
            hint = f"did you mean '{near[0]}'?" if near else f"the fields are {', '.join(FIELDS)}"
            raise SettingsError(f"ingest.columns names the unknown field '{field}': {hint}")
    columns = dict(preset.columns) | {field: (column,) for field, column in settings.columns.items()}
    lacking = [field for field in REQUIRED if field not in columns]
    if lacking:
        raise SettingsError(
            f"preset 'columns' needs ingest.columns to name {' and '.join(lacking)}: write for example "
            "ingest.columns=id=sku,image=photo_url"
        )
    return CatalogLayout(columns, preset.family_is_key, preset.photo_separator, preset.tabs)


def find_columns(layout: CatalogLayout, found: Sequence[str], catalog: str, preset: str) -> dict[str, tuple[int, ...]]:
    """The positions of the columns that fill each field; an optional field without a column is left out.

    A name is taken as written, else whatever its case and with blanks for underscores. Of two columns of one name the
    first counts.

    Args:
        layout: the layout asked for.
        found: the names in the file, in order.
        catalog: the file, for the message.
        preset: the preset's name, for the message.

    Raises:
        InputError: a required column is missing.
    """
    exact = {name: index for index, name in reversed(list(enumerate(found)))}
    plain = {_plain(name): index for index, name in reversed(list(enumerate(found)))}
    positions = {}
    for field, names in layout.columns.items():
        known = [exact.get(name, plain.get(_plain(name))) for name in names]
        filled = tuple(index for index in known if index is not None)
        if filled:
            positions[field] = filled
        elif field in REQUIRED:
            wanted = " or ".join(f"'{tidy(name, 60)}'" for name in names)
            shown = ", ".join(tidy(name, 60) for name in found[:60])
            raise InputError(
                f"{catalog} has no column {wanted}, which holds the {field} in the layout '{preset}'; its columns are: "
                f"{shown}. Choose another ingest.preset or name the column: ingest.columns={field}=<column>"
            )
    return positions


def _plain(name: str) -> str:
    return "_".join(name.casefold().replace("_", " ").split())
