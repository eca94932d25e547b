"""CSV files: blocks of bytes, their encoding, and records split out of them."""
