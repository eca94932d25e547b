"""The photos of the sample shop, drawn."""
