"""A made-up shop with rendered photos and known duplicates, and a loopback server for its pictures."""

from dedup_pipeline.sample.server import ImageServer, write_catalog
from dedup_pipeline.sample.serving import serving_catalog, serving_sample
from dedup_pipeline.sample.shop import SampleCounts, write_sample_shop

__all__ = [
    "ImageServer",
    "SampleCounts",
    "serving_catalog",
    "serving_sample",
    "write_catalog",
    "write_sample_shop",
]
