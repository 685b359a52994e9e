"""The integer kernels: machine code from viper where the port has it, else the same in bytecode (plain.py)."""

try:
    from rram_edge.viper import cells, octave, powers, sums, transposed, window, words

    NAME = "viper"
except (ImportError, SyntaxError):  # no such module outside MicroPython; a port without viper refuses the decorator
    from rram_edge.plain import cells, octave, powers, sums, transposed, window, words

    NAME = "bytecode"

__all__ = ["NAME", "cells", "octave", "powers", "sums", "transposed", "window", "words"]
