"""Listings: which pictures they show, their brands and colours."""
