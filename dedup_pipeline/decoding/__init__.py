"""From the bytes of others to pixels, with bounded memory and time; ``imaging`` is the way in."""
