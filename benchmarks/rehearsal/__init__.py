"""The sample shop in other guises: photos by phone, and edits that nothing here learns from."""

from .shop import PHONE, STYLES, Edits, Style, write_rehearsal_shop

__all__ = ["PHONE", "STYLES", "Edits", "Style", "write_rehearsal_shop"]
