"""`python -m firmware_py` is `rram-edge`."""

from firmware_py.cli import main

main()
