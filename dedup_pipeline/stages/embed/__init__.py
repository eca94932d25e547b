"""Embeddings of every image of a dump, kept per pack and per model."""

from dedup_pipeline.stages.embed.stage import embed, embeddings_file, embeddings_path, unfinished_packs

__all__ = ["embed", "embeddings_file", "embeddings_path", "unfinished_packs"]
