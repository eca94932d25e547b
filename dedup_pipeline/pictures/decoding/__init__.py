"""From the bytes of others to pixels, with bounded memory and time; ``pictures.decode`` is the way in."""
