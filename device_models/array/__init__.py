"""Arrays of cells: tiles, pairing, converters, and the wires between the cells."""
