"""The integer kernels: machine code from viper where the port has it, else the same in bytecode (plain.py)."""


def _choose():
    try:
        from rram_edge import viper

        return "viper", viper
    except (ImportError, SyntaxError):  # viper.py is left out, or refused: no viper in this port (or no MicroPython)
        from rram_edge import plain

        return "bytecode", plain


NAME, _module = _choose()
cells, octave, words = _module.cells, _module.octave, _module.words
sums, powers, window, transposed = _module.sums, _module.powers, _module.window, _module.transposed
