"""``python -m dedup_pipeline`` is ``dedup``."""

from dedup_pipeline.cli import main

if __name__ == "__main__":
    main()
