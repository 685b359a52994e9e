"""A bundle in the making: converter ranges, mask and ranks of its layers, chosen as the board will see them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from device_models.macro import MacroConfig
from firmware_py.bundle import ProfileTables
from host_tools.errors import HostError
from host_tools.mapping.area import layer_sizes
from host_tools.mapping.bare import Tensors, bare_layers, table_tensors
from host_tools.mapping.kinds import Correction, Kind, Room
from host_tools.mapping.mask import (
    MaskChoice,
    choose_mask,
    chosen_entries,
    entries_for,
    mask_seed,
    score_weights,
    with_mask,
)
from host_tools.mapping.network import PLAIN_CLIP_SD, MappedNetwork
from host_tools.mapping.ranges import converter_ranges

RANGE_CHIPS = 4


@dataclass(frozen=True)
class ExportOptions:
    """What a user may choose: the macro, the mask, how many calibration vectors travel, clip of a plain network, the
    kind of correction that takes the mask's SRAM, and whether cells age on the board."""

    macro: MacroConfig = field(default_factory=MacroConfig)
    mask: MaskChoice = field(default_factory=MaskChoice)
    vectors: int = 64
    clip_sd: float = PLAIN_CLIP_SD
    seed: int = 0
    kind: Kind = "sparse"
    aging: bool = False


class Draft:
    """Layers of a bundle in the making, as the board will see them."""

    def __init__(self, network: MappedNetwork, tables: ProfileTables, options: ExportOptions) -> None:
        self.network, self.tables, self.options = network, tables, options
        self.nodes, self.layers = bare_layers(network)
        self.ranks = [0] * len(self.layers)

    def set_ranges(self, images: npt.NDArray[np.float32]) -> None:
        """Choose what converter codes stand for."""
        seeds = [mask_seed(self.options.seed, chip) for chip in range(RANGE_CHIPS)]
        chosen = converter_ranges(self.nodes, self.layers, self.tables, self.options.macro, images, seeds)
        self.layers = [
            replace(layer, dac_lsb=np.float32(dac), adc_lsb=np.float32(adc))
            for layer, (dac, adc) in zip(self.layers, chosen, strict=True)
        ]

    def set_mask(self, images: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> None:
        """Take the mask that training knew, or choose one, and ranks where low-rank factors are to be had."""
        known = [layer.mask for layer in self.network.layers]
        if any(mask is not None for mask in known):
            if self.options.kind != "sparse":
                raise HostError(f"--correction: {self.options.kind!r} given, the student was trained with a sparse one")
            masks = [np.zeros(m.signed.shape, bool) if m.mask is None else m.mask for m in self.network.layers]
        else:
            chosen = self._chosen(images, labels)
            masks, self.ranks = chosen.masks, chosen.ranks
        self.layers = [
            with_mask(layer, mask, self.tables, mapped.exact)
            for layer, mapped, mask in zip(self.layers, self.network.layers, masks, strict=True)
        ]
        if any(mask is not None for mask in known):
            self._check_known()

    def _chosen(self, images: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> Correction:
        """Masks and ranks in the SRAM that the options give."""
        choice, options = self.options.mask, self.options
        if options.kind == "sparse":
            masks = choose_mask(self.nodes, self.layers, self.tables, images, labels, choice, options.macro)
            return Correction(masks, self.ranks)
        if choice.criterion == "none":
            raise HostError(f"--correction: {options.kind!r} given, --mask none leaves it no SRAM")
        scores, fisher = (score_weights(self.nodes, self.layers, self.tables, images, labels, one)
                          for one in (choice, replace(choice, criterion="fisher")))  # fmt: skip
        entries = chosen_entries(self.layers, scores, choice, options.macro)
        room = Room(self.layers, self.tables, scores, fisher, entries, choice.value_bits, options.macro.rows,
                    options.seed)  # fmt: skip
        found = room.shared(options.kind)
        while choice.area_percent is not None and self._area(found) > choice.area_percent:  # factors take more adders
            room = replace(room, entries=int(0.95 * room.entries))
            found = room.shared(options.kind)
        return found

    def _area(self, given: Correction) -> float:
        """Area in per cent of the macros'."""
        sizes = layer_sizes(self.layers)
        sizes = [replace(size, corrected=int(mask.sum()), rank=rank)
                 for size, mask, rank in zip(sizes, given.masks, given.ranks, strict=True)]  # fmt: skip
        return self.options.mask.area_model(self.options.macro).percent(sizes)

    def _check_known(self) -> None:
        """HostError where the mask that training knew is larger than what was asked for."""
        choice = self.options.mask
        if choice.area_percent is not None:
            percent = choice.area_model(self.options.macro).percent(layer_sizes(self.layers))
            if percent > choice.area_percent:
                raise HostError(f"--area: the student was trained with a mask that takes {percent:.2f} % of the area")
            return
        most = entries_for(choice.sram_percent, self.network.weights, self.network.columns)
        if sum(layer.mask_rows.size for layer in self.layers) > most:
            raise HostError(f"--sram: the student was trained with a mask of more than {most} entries")

    def tensors(self) -> Tensors:
        """All tensors that describe the technology and the layers."""
        out = table_tensors(self.tables)
        for layer in self.layers:
            out[f"{layer.name}.levels"] = layer.levels
            out[f"{layer.name}.scales"] = np.array([layer.w_step, layer.dac_lsb, layer.adc_lsb], np.float32)
            for key in ("gain", "offset", "y_std"):
                out[f"{layer.name}.{key}"] = getattr(layer, key)
            for key in ("indptr", "rows", "value", "lr_exp"):
                out[f"{layer.name}.mask.{key}"] = getattr(layer, f"mask_{key}")
        return out
