"""Rows of low-precision layers: which share a physical row (rename), and which are read together (reorder)."""
