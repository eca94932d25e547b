"""Fingerprints: digests, perceptual hashes and colours of every image, made once per pack."""

from dedup_pipeline.stages.fingerprint.stage import (
    FILE,
    fingerprint,
    fingerprint_pack,
    unfinished_packs,
)

__all__ = ["FILE", "fingerprint", "fingerprint_pack", "unfinished_packs"]
