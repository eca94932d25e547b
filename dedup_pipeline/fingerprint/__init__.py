"""Fingerprints: digests, perceptual hashes and colours of every image, made once per pack."""

from dedup_pipeline.fingerprint.stage import fingerprint, fingerprint_pack, read_fingerprints, unfinished_packs

__all__ = ["fingerprint", "fingerprint_pack", "read_fingerprints", "unfinished_packs"]
