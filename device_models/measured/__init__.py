"""Measured tables: single cells, bakes and read-noise series from CSV or TSV (plain or gzip), with units that are told.

    cells = read_cells([Path("cells.csv")], target="addr % 32")
    cells.half("a").g_uS

A stranger's file is data: nothing in it is ever run.
"""

from device_models.measured.cells import MeasuredCells
from device_models.measured.read import read_bakes, read_cells
from device_models.measured.series import Series, read_series

__all__ = ["MeasuredCells", "Series", "read_bakes", "read_cells", "read_series"]
