"""Monte-Carlo over chips: what a bundle reaches on many dies, untouched, calibrated, after a change, adapted."""
