"""An ideal network on chips of one technology under each reading of its spread: what the words leave open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from device_models.profile import DeviceProfile
from device_models.readings import readings
from host_tools import console
from host_tools.data import Dataset
from host_tools.export import ExportOptions, export_bundle
from host_tools.mapping.mask import MaskChoice
from host_tools.study.chips import UNTOUCHED, ChipPlan, measure_chips
from host_tools.study.run import StudyOptions, study_data


@dataclass(frozen=True)
class ReadingResult:
    """Accuracy in per cent of every chip, for one reading and one on/off ratio (math.inf: none flows when off)."""

    reading: str
    meaning: str
    on_off_ratio: float
    values: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        """Keys of the report; an infinite ratio is null."""
        v = np.array(self.values)
        return {"reading": self.reading, "meaning": self.meaning,
                "on_off_ratio": self.on_off_ratio if math.isfinite(self.on_off_ratio) else None,
                "mean": round(float(v.mean()), 4), "std": round(float(v.std(ddof=1)) if len(v) > 1 else 0.0, 4),
                "min": round(float(v.min()), 4), "max": round(float(v.max()), 4),
                "values": [round(x, 4) for x in self.values]}


def compare_readings(model: Any, data: Dataset, profile: DeviceProfile, share: float, ratios: Sequence[float],
                     options: StudyOptions, engine: str, folder: Path) -> list[ReadingResult]:  # fmt: skip
    """Map the ideal network `model` on each reading's cells, without any help, and measure it on chips.

    `folder` gets a bundle a reading and ratio.
    """
    arrays = study_data(data, options.images)
    found = []
    every = [(ratio, reading) for ratio in ratios for reading in readings(profile, share, ratio)]
    with console.progress(f"{len(every)} readings on {options.chips} chips each", len(every) * options.chips) as bar:
        for ratio, reading in every:
            path = folder / f"{reading.profile.name}-{ratio:g}.rram.safetensors"
            export_bundle(path, model, model, reading.profile, data, ExportOptions(mask=MaskChoice("none")), {})
            plan = ChipPlan(path, steps=UNTOUCHED, engine=engine)
            chips = measure_chips(plan, arrays, options.seeds, options.workers, bar.advance)
            values = tuple(chip["untouched"] for chip in chips)
            found.append(ReadingResult(reading.name, reading.meaning, ratio, values))
    return found
