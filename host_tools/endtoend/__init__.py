"""Device to accuracy: device model, programming algorithm, profile, training, chips (docs/end-to-end.md)."""
