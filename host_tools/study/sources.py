"""Where the bundles of a study come from: one bundle whose tables change, or a model that is exported for every point.

A bundle holds levels, not weights. So its technology (tables) and converters can be changed as an export would, its
number of levels and its mask cannot.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from firmware_py.aging import Aging, read_aging
from firmware_py.bundle import AnalogLayer, Bundle, Macro, ProfileTables
from host_tools.data import Dataset, scaled
from host_tools.errors import HostError
from host_tools.mapping.aging import aging_tensors
from host_tools.mapping.bare import profile_tables
from host_tools.mapping.draft import RANGE_CHIPS, ExportOptions
from host_tools.mapping.mask import MaskChoice, mask_seed, rate_exponents
from host_tools.mapping.ranges import converter_ranges
from host_tools.study.axes import Axis, Setup
from host_tools.study.cells import drifts
from host_tools.study.chips import ChipPlan


class Source(Protocol):
    """Gives the set-up that a sweep starts from, and the bundle of every set-up."""

    def setup(self, plan: ChipPlan) -> Setup:
        """The set-up before any axis changes it."""

    def refuse(self, axes: Sequence[Axis]) -> None:
        """HostError for an axis that this source cannot change."""

    def bundle(self, setup: Setup) -> Bundle:
        """The bundle of a set-up."""


@dataclass(frozen=True)
class BundleSource:
    """A bundle, and nothing else."""

    original: Bundle

    def setup(self, plan: ChipPlan) -> Setup:
        """What the bundle was exported for."""
        macro = MacroConfig(**{key: getattr(self.original.macro, key) for key in Macro.__dataclass_fields__})
        profile = DeviceProfile.from_dict(self.original.profile, f"{self.original.path}: profile")
        return Setup(profile, macro, MaskChoice(), 0.0, plan)

    def refuse(self, axes: Sequence[Axis]) -> None:
        """HostError for an axis that needs the weights."""
        for axis in axes:
            if axis.remaps:
                raise HostError(f"--sweep: {axis.name}: {self.original.path} holds levels, not weights; give the model "
                                "itself: rram study MODEL.keras --profile NAME --data NAME --sweep ...")

    def bundle(self, setup: Setup) -> Bundle:
        """The bundle with the set-up's technology and converters."""
        start = self.setup(setup.plan)
        if (setup.profile, setup.macro) == (start.profile, start.macro):
            return self.original
        return rederived(self.original, setup.profile, setup.macro)


@dataclass(frozen=True)
class ModelSource:
    """A trained network, exported as it is for every set-up; it is not trained again. Bundles are kept in `cache`."""

    network: Path
    ideal: Path
    profile: DeviceProfile
    data: Dataset
    options: ExportOptions
    cache: Path

    def setup(self, plan: ChipPlan) -> Setup:
        """What the user asked for."""
        return Setup(self.profile, self.options.macro, self.options.mask, self.options.clip_sd, plan)

    def refuse(self, axes: Sequence[Axis]) -> None:
        """Nothing: a model can be exported for anything."""

    def bundle(self, setup: Setup) -> Bundle:
        """The model exported for the set-up."""
        from host_tools.study.prepare import export_kept

        plan = setup.plan
        options = replace(self.options, macro=setup.macro, mask=setup.mask, clip_sd=setup.clip_sd,
                          aging=self.options.aging or drifts(plan.steps, plan.start))  # fmt: skip
        return Bundle.open(export_kept(self.network, self.ideal, setup.profile, self.data, options, self.cache))


def rederived(bundle: Bundle, profile: DeviceProfile, macro: MacroConfig) -> Bundle:
    """The bundle as an export for `profile` and `macro` would make it with the same levels and mask, in memory.

    Tables, converter ranges (from the same chips and vectors) and the prior scale of mask values follow, and what ages
    cells on the board where the bundle had any of it. HostError for
    a profile with other levels, and for other converters of an integer network, which was trained for its own.
    """
    tables = profile_tables(profile)
    if not np.array_equal(tables.target, bundle.tables.target):
        raise HostError(f"{bundle.path}: made for {len(bundle.tables.target)} levels, profile {profile.name} has "
                        f"others ({len(tables.target)}); export the model for it")
    digest = hashlib.sha256(f"{bundle.digest}\n{profile.to_json()}\n{macro.to_json()}".encode()).hexdigest()
    return replace(
        bundle,
        digest=digest,
        layers=_layers(bundle, tables, macro),
        tables=tables,
        aging=_aging(bundle, profile),
        macro=Macro(**{key: getattr(macro, key) for key in Macro.__dataclass_fields__}),
        profile=profile.model_dump(mode="json", exclude_none=True),
    )


def _aging(bundle: Bundle, profile: DeviceProfile) -> Aging:
    ages = bundle.aging.drift is not None or bundle.aging.disturb != 0
    law = None if profile.relaxation is None else profile.relaxation.law
    if not ages or (law is None and profile.read_disturb is None):
        return Aging()
    tensors = aging_tensors(profile)
    return read_aging(profile.n_levels, tensors, lambda name, *_: tensors[name], HostError)


def _layers(bundle: Bundle, tables: ProfileTables, macro: MacroConfig) -> tuple[AnalogLayer, ...]:
    if any(getattr(node, "integer", False) for node in bundle.nodes):
        if (macro.adc_bits, macro.dac_bits) != (bundle.macro.adc_bits, bundle.macro.dac_bits):
            raise HostError(f"{bundle.path}: an integer network keeps the converters that it was trained for")
        return bundle.layers
    seeds = [mask_seed(int(bundle.provenance.get("seed", 0)), chip) for chip in range(RANGE_CHIPS)]
    images = scaled(bundle.calibration_x)
    ranges = converter_ranges(bundle.nodes, bundle.layers, tables, macro, images, seeds)
    return tuple(
        replace(
            layer, dac_lsb=np.float32(dac), adc_lsb=np.float32(adc),
            mask_lr_exp=rate_exponents(layer, tables, layer.mask_rows, layer.mask_cols),
        )
        for layer, (dac, adc) in zip(bundle.layers, ranges, strict=True)
    )  # fmt: skip
