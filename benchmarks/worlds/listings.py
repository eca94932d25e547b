"""What sellers list: the offers of a world's products and of their re-uploads, and the lines of catalog.csv."""

from dataclasses import replace

import numpy as np

from dedup_pipeline.sample import words
from dedup_pipeline.sample.catalog import COLUMNS
from dedup_pipeline.sample.copies.recipe import Recipe
from dedup_pipeline.sample.pictures import file_name
from dedup_pipeline.sample.plan import Offer, Photo

from .goods import Product, picked, reworded

_ID_LETTERS = tuple("23456789BCDEFGHJKMNPQRSTVWXYZ")
_PHOTO_LETTERS = tuple("0123456789abcdefghjkmnpqrstuvwxyz")
_SIZES = ("S", "M", "L", "XL")
_URL_SIZES = ("original", "200x200", "400x400", "800x800")


class Clerk:
    """Makes photos and offers one after another; the same generator makes the same ones.

    Args:
        generator: source of all choices.
    """

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._families = self._groups = 0

    def original(self, product: Product, style: str) -> Offer:
        """List a product for the first time; look-alikes share a style."""
        self._groups += 1
        photo = replace(self._photo(product), group=f"G{self._groups:05d}", level="base")
        return self._offer(product, photo, style, product.title, product.brand)

    def copy(self, product: Product, source: Offer, recipe: Recipe) -> Offer:
        """List a photo again as another seller: mostly in other words, sometimes in the very same."""
        level, edits = str(recipe.level), recipe.name
        if source.photo.source is not None:  # what the first copier did is still in the picture
            level, edits = max(level, source.photo.level), f"{source.photo.edits}+{edits}"
        photo = replace(
            self._photo(product),
            group=source.photo.group,
            level=level,
            edits=edits,
            recipe=recipe,
            source=source.photo.photo_id,
        )
        title = product.title if self._generator.random() < 0.4 else reworded(product, self._generator)
        brand = product.brand if self._generator.random() < 0.55 else picked(self._generator, words.BRANDS)
        return self._offer(product, photo, source.style, title, brand)

    def _photo(self, product: Product) -> Photo:
        generator = self._generator
        photo_id = "ima" + "".join(generator.choice(_PHOTO_LETTERS, 13).tolist())
        folder = "/".join(["image", product.goods.shelf.folder, *generator.choice(_PHOTO_LETTERS, 3).tolist()])
        return Photo(photo_id, "", "", "", folder, f"{generator.integers(10, 99999)}-{words.slug(product.brand)}")

    def _offer(self, product: Product, photo: Photo, style: str, title: str, brand: str) -> Offer:
        generator, goods = self._generator, product.goods
        self._families += 1
        start, count = int(generator.integers(0, 3)), int(generator.choice([1, 2], p=[0.75, 0.25]))
        sizes = _SIZES[start : start + count] if goods.sizes else ("",)
        stem = goods.shelf.prefix + "".join(generator.choice(_ID_LETTERS, 7).tolist())
        listings = tuple((stem + "".join(generator.choice(_ID_LETTERS, 6).tolist()), size) for size in sizes)
        material, occasion = picked(generator, goods.materials), picked(generator, words.OCCASIONS)
        return Offer(
            family=f"F{self._families:05d}",
            style=style,
            photo=photo,
            shelf=goods.shelf,
            brand=brand,
            seller=picked(generator, words.SELLERS),
            title=title,
            description=words.write_description(
                int(generator.integers(4)),
                brand=brand,
                fabric=material.lower(),
                occasion=occasion.lower(),
                name=goods.shelf.name.lower(),
                colour=product.colour.lower() or "many colours",
            ),
            colour=product.colour,
            pattern="print",
            fabric=material,
            occasion=occasion,
            price=int(generator.integers(*goods.price)),
            listings=listings,
        )


def catalog_lines(offers: list[Offer], generator: np.random.Generator) -> list[list[str]]:
    """Return the lines of catalog.csv below its header, in a drawn order, one per listing.

    Unlike the sample shop's, they have no faults: a world asks what is told apart by its pictures.
    """
    lines = [line for offer in offers for line in _lines(offer, generator)]
    return [lines[i] for i in generator.permutation(len(lines))]


def _lines(offer: Offer, generator: np.random.Generator) -> list[list[str]]:
    item, ids = "".join(generator.choice(_PHOTO_LETTERS, 13).tolist()), [product_id for product_id, _ in offer.listings]
    lines = []
    for product_id, size in offer.listings:
        price = round(offer.price * float(generator.uniform(0.6, 0.95)))
        specifications = f"Material: {offer.fabric};Occasion: {offer.occasion}"
        row = dict.fromkeys(COLUMNS, "") | {
            "productId": product_id,
            "title": offer.title,
            "description": offer.description,
            "imageUrlStr": ";".join(f"{{base}}/{file_name(offer.photo, url_size)}" for url_size in _URL_SIZES),
            "mrp": f"{offer.price}.0",
            "sellingPrice": f"{price}.0",
            "specialPrice": f"{price}.0",
            "productUrl": f"{{base}}/dl/{words.slug(offer.title)}/p/itm{item}?pid={product_id}",
            "categories": offer.shelf.category,
            "productBrand": offer.brand,
            "productFamily": ",".join(other for other in ids if other != product_id),
            "inStock": "True",
            "codAvailable": str(bool(generator.random() < 0.9)),
            "discount": f"{round(100 * (offer.price - price) / offer.price)}.0",
            "size": size,
            "color": offer.colour if generator.random() < 0.8 else "",
            "keySpecsStr": specifications,
            "detailedSpecsStr": specifications,
            "sellerName": offer.seller,
            "idealFor": offer.shelf.ideal_for,
        }
        lines.append(list(row.values()))
    return lines
