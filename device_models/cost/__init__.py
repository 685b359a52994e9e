"""What a macro with its SRAM correction costs in area, energy and time, from stated component numbers.

    parts = Components.load("65nm")                                     # or a JSON file; every number has its evidence
    cost = macro_cost(parts, MacroConfig(), layers, sram, mean_uS=50)   # um2, pJ and ns, by component
    overhead_readings(parts, MacroConfig(), layers, ...)                # the SRAM's per cent, read in five ways
"""

from device_models.cost.components import Components, Number, names
from device_models.cost.converters import adc_area_um2, adc_energy_pJ, adc_time_ns, dac_area_um2, dac_energy_pJ
from device_models.cost.macro import Arithmetic, MacroCost, correction_area_um2, macro_area_um2, macro_cost
from device_models.cost.network import LayerSize, SramBits
from device_models.cost.readings import Reading, correction_bits, overhead_readings

__all__ = [
    "Arithmetic", "Components", "LayerSize", "MacroCost", "Number", "Reading", "SramBits", "adc_area_um2",
    "adc_energy_pJ", "adc_time_ns", "correction_area_um2", "correction_bits", "dac_area_um2", "dac_energy_pJ",
    "macro_area_um2", "macro_cost", "names", "overhead_readings",
]
