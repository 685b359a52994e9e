"""From measured cells to the numbers of a profile: one file per effect."""
