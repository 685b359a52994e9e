"""The physics of a filament cell (Ielmini's line): growth by field and Joule heat, compliance, variation.

    parameters   what a cell is made of, with units and evidence      kinetics    the equations
    circuit      the transistor or limit in series                    evolve      one pulse, stable however stiff
    cells        an array with its variation, on several cores        sweep       quasi-static I-V loops
    port         the same cells behind the programming port           studies     what is known of RRAM, from the model
    response     measured pulse responses, and the model fitted to them
"""

from device_models.filament.cells import Filaments
from device_models.filament.parameters import FilamentParameters
from device_models.filament.port import FilamentCells
from device_models.filament.sweep import sweep

__all__ = ["FilamentCells", "FilamentParameters", "Filaments", "sweep"]
