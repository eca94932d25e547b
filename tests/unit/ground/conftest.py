"""Photos of the sample shop's studio, for tests of what is told from pictures."""

from __future__ import annotations

from itertools import starmap

import pytest

from dedup_pipeline.pictures.decode import Picture
from dedup_pipeline.sample.rendering.photo import Shot, shoot
from dedup_pipeline.verdict.alignment import View, view_of
from studio import STYLES, look_of


@pytest.fixture(scope="session")
def shots() -> list[Shot]:
    """Photos of different products, with where the product is."""
    return [shoot(look) for look in starmap(look_of, STYLES)]


@pytest.fixture(scope="session")
def photos(shots: list[Shot]) -> list[Picture]:
    """The photos alone."""
    return [shot.picture for shot in shots]


@pytest.fixture(scope="session")
def views(photos: list[Picture]) -> list[View]:
    """The views of the photos."""
    return [view_of(photo) for photo in photos]
