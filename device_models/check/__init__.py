"""A profile's own distributions against measured cells."""
