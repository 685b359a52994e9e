"""Figures, one file each: a function takes numbers and gives a matplotlib Figure."""
