"""What commands that make a correction have in common."""

import click

# firmware_py.sram.VALUE_BITS, which would load NumPy before the help is shown.
VALUE_BITS = click.Choice(["4", "6", "8", "16", "32"])
