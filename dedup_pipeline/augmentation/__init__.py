"""What sellers make of a photo, and what only looks like that: edits, and re-uploads drawn from them."""
