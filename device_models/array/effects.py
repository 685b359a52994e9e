"""Which inaccuracies an array has: each can be switched off, and with all of them off it is the matrix product."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from device_models.errors import ProfileError


@dataclass(frozen=True)
class Effects:
    """One switch an effect, in the order in which they act.

    levels: weights are rounded to the cells' levels. programming: spread of the cells. drift: the spread at the time of
    use. stuck: stuck-at faults. disturb: reads move the cells. wires: IR drop. dac: inputs are rounded and clipped.
    read_noise: at every read. adc: currents are rounded and clipped. converter_errors: gain and offset of DAC and ADC.
    """

    levels: bool = True
    programming: bool = True
    drift: bool = True
    stuck: bool = True
    disturb: bool = True
    wires: bool = True
    dac: bool = True
    read_noise: bool = True
    adc: bool = True
    converter_errors: bool = True

    @classmethod
    def none(cls) -> Effects:
        """All off."""
        return cls(**dict.fromkeys(cls.names(), False))

    @classmethod
    def only(cls, *names: str) -> Effects:
        """All off but these; ProfileError for an unknown name."""
        unknown = sorted(set(names) - set(cls.names()))
        if unknown:
            raise ProfileError(f"effects: {unknown[0]!r} is not one of {', '.join(cls.names())}")
        return replace(cls.none(), **dict.fromkeys(names, True))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of all effects, in order."""
        return tuple(field.name for field in fields(cls))
