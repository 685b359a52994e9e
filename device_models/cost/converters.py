"""How converters grow with their bits, from one known size."""

from __future__ import annotations

from device_models.cost.components import Components


def adc_area_um2(parts: Components, bits: int) -> float:
    """Area of a SAR ADC: half of the known one grows with the bits (logic), half doubles with each (capacitors).

    An assumption of ours; within 7 % of the 4 to 10 bit ADCs that hwcomponents-library derives for ISAAC from Saberi et
    al., IEEE TCAS-I 58, 1736 (2011).
    """
    return parts.adc_um2.value * (bits / parts.adc_bits + 2.0 ** (bits - parts.adc_bits)) / 2


def adc_energy_pJ(parts: Components, bits: int) -> float:
    """Energy of one conversion, proportional to the bits (as in Newton: Nag et al., arXiv 1803.06913)."""
    return parts.adc_pJ.value * bits / parts.adc_bits


def adc_time_ns(parts: Components, bits: int) -> float:
    """Time of one conversion: a step a bit and one to sample (NeuroSim V1.4, SarADC.cpp)."""
    return parts.adc_ns_per_bit.value * (bits + 1)


def dac_area_um2(parts: Components, bits: int) -> float:
    """Area of a row's DAC, proportional to the bits (assumption of ours)."""
    return parts.dac_um2.value * bits / parts.dac_bits


def dac_energy_pJ(parts: Components, bits: int) -> float:
    """Energy of one input's conversion, proportional to the bits (assumption of ours)."""
    return parts.dac_pJ.value * bits / parts.dac_bits
