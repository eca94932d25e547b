"""Pictures: decoded, cut to the photo that a page shows, told from cards of text, hashed."""
