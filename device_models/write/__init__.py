"""Precise programming: write algorithms over cells that take pulses, statistical or physical (docs/programming.md)."""
