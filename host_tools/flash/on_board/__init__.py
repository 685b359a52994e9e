"""What runs on the board before anything of rram-edge is there: Python's standard library only."""
