"""From a Keras network to arrays: what a board carries, levels, masks, converter ranges."""
