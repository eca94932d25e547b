"""Arrays and machines: what knows nothing of pictures, listings and stores."""
