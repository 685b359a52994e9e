"""Export: a Keras network, a profile and a macro become one bundle that a board can run (layout: docs/bundle.md)."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from firmware_py.bundle import VERSION, Bundle, ProfileTables, digest_of
from firmware_py.cells import Effects, cells_digest
from firmware_py.correction import initial_correction
from firmware_py.numpy_engine import NumpyEngine, ideal_activations
from host_tools.data import Dataset, scaled
from host_tools.errors import HostError
from host_tools.mapping.area import layer_sizes
from host_tools.mapping.bare import bare_layers, profile_tables
from host_tools.mapping.carried import carried_steps
from host_tools.mapping.codes import correction_document, layer_codes
from host_tools.mapping.mask import MaskChoice, choose_mask, entries_for, mask_seed, with_mask
from host_tools.mapping.network import PLAIN_CLIP_SD, MappedNetwork, map_model
from host_tools.mapping.ranges import converter_ranges
from host_tools.pairing.compare import pairing_warning

CODES = {"u1": "U8", "i1": "I8", "u2": "U16", "i4": "I32", "u4": "U32", "f4": "F32", "f8": "F64"}
FISHER_IMAGES = 2000
GOLDEN_SEED, GOLDEN_IMAGES = 1, 8
RANGE_CHIPS = 4
STAGES = 5  # calls of `tell`
Tensors = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class ExportOptions:
    """What a user may choose: the macro, the mask, how many calibration vectors travel, clip of a plain network."""

    macro: MacroConfig = field(default_factory=MacroConfig)
    mask: MaskChoice = field(default_factory=MaskChoice)
    vectors: int = 64
    clip_sd: float = PLAIN_CLIP_SD
    seed: int = 0


def export_bundle(
    path: Path,
    model: Any,
    ideal: Any,
    profile: DeviceProfile,
    data: Dataset,
    options: ExportOptions,
    provenance: dict[str, Any],
    tell: Callable[[str], None] = lambda stage: None,
) -> Bundle:
    """Map `model` on pairs, choose ranges and mask on held-out training images, and write the bundle to `path`.

    `ideal` is the digital network that travels as a flatbuffer. The test set is not touched. HostError for what cannot
    be carried; the file appears whole or not at all. `tell` is called with the name of each stage.
    """
    from host_tools.tflite import to_tflite

    _folder(path)
    tell("map")
    carried_steps(model)
    check_fit(model, data)
    check_fit(ideal, data)
    tables = profile_tables(profile)
    network = map_model(model, np.array(profile.levels.conductance_uS), options.clip_sd)
    _check_macro(model, profile, data, options)
    _, held_out, labels = data.validation()
    order = np.random.default_rng(options.seed).permutation(len(held_out))
    images, labels = held_out[order], labels[order]
    draft = _Draft(network, tables, options)
    tell("choose converter ranges")
    draft.set_ranges(scaled(images[: options.vectors]))
    tell("choose mask")
    draft.set_mask(scaled(images[:FISHER_IMAGES]), labels[:FISHER_IMAGES])
    tell("convert the ideal network")
    flatbuffer = to_tflite(ideal, scaled(images))
    tell("write")
    tensors = draft.tensors() | {
        "calibration.x": images[: options.vectors],
        "golden.x": images[-GOLDEN_IMAGES:],
        "golden.logits": np.zeros((GOLDEN_IMAGES, len(data.classes)), np.float32),
        "ideal.tflite": np.frombuffer(flatbuffer, np.uint8),
    }
    tensors["golden.x"] = _exactly(tensors["golden.x"], GOLDEN_IMAGES)
    metadata = _metadata(network, profile, options, data, provenance)
    return _finish(path, metadata, tensors, options.mask.value_bits)


def check_fit(model: Any, data: Dataset) -> None:
    """HostError where a network takes other images than the data set has, or tells other classes apart."""
    shape, classes = list(model.input_shape[1:]), model.output_shape[-1]
    if shape != list(data.shape) or classes != len(data.classes):
        raise HostError(
            f"{model.name}: input {shape} and {classes} classes,"
            f" data set {data.name} has {list(data.shape)} and {len(data.classes)}"
        )


def _check_macro(model: Any, profile: DeviceProfile, data: Dataset, options: ExportOptions) -> None:
    """HostError where the macro has what a board does not emulate; another pairing with what it would cost."""
    refusal = options.macro.not_on_a_board()
    if refusal is None:
        return
    cost = pairing_warning(model, profile, options.macro, data, options.seed, options.clip_sd)
    raise HostError(f"macro: {refusal}{f'; {cost}' if cost else ''}")


class _Draft:
    """Layers of a bundle in the making, as the board will see them."""

    def __init__(self, network: MappedNetwork, tables: ProfileTables, options: ExportOptions) -> None:
        self.network, self.tables, self.options = network, tables, options
        self.nodes, self.layers = bare_layers(network)

    def set_ranges(self, images: npt.NDArray[np.float32]) -> None:
        """Choose what converter codes stand for."""
        seeds = [mask_seed(self.options.seed, chip) for chip in range(RANGE_CHIPS)]
        chosen = converter_ranges(self.nodes, self.layers, self.tables, self.options.macro, images, seeds)
        self.layers = [
            replace(layer, dac_lsb=np.float32(dac), adc_lsb=np.float32(adc))
            for layer, (dac, adc) in zip(self.layers, chosen, strict=True)
        ]

    def set_mask(self, images: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> None:
        """Take the mask that training knew, or choose one."""
        choice = self.options.mask
        known = [layer.mask for layer in self.network.layers]
        if any(mask is not None for mask in known):
            masks = [np.zeros(m.signed.shape, bool) if m.mask is None else m.mask for m in self.network.layers]
        else:
            masks = choose_mask(self.nodes, self.layers, self.tables, images, labels, choice, self.options.macro)
        self.layers = [
            with_mask(layer, mask, self.tables, mapped.exact)
            for layer, mapped, mask in zip(self.layers, self.network.layers, masks, strict=True)
        ]
        if any(mask is not None for mask in known):
            self._check_known()

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


def table_tensors(tables: ProfileTables) -> Tensors:
    """The tensors of a bundle that describe the technology."""
    return {f"profile.{key}": getattr(tables, key) for key in ProfileTables.__dataclass_fields__}


def _metadata(
    network: MappedNetwork, profile: DeviceProfile, options: ExportOptions, data: Dataset, provenance: dict[str, Any]
) -> dict[str, str]:
    record = {
        "created_by": f"rram-edge {_own_version()}",
        "data": data.name,
        "mask": _mask_record(options.mask),
        "seed": options.seed,
        **provenance,
    }
    return {
        "format": "rram-edge",
        "version": VERSION,
        "graph": json.dumps({"nodes": network.nodes}),
        "profile": profile.to_json(),
        "macro": options.macro.model_dump_json(),
        "classes": json.dumps(list(data.classes)),
        "input": json.dumps({"shape": list(network.input_shape)}),
        "golden": json.dumps({"seed": GOLDEN_SEED, "cells_sha256": ""}),
        "provenance": json.dumps(record, sort_keys=True),
    }


def _mask_record(choice: MaskChoice) -> dict[str, Any]:
    """How the mask was chosen, for the bundle's provenance."""
    area = choice.area_percent
    size = {"sram_percent": choice.sram_percent} if area is None else {"area_percent": area}
    return {"criterion": choice.criterion, **size}


def _finish(path: Path, metadata: dict[str, str], tensors: Tensors, value_bits: int) -> Bundle:
    """Fill in what only a readable bundle can tell (spread of outputs, golden vectors), then put the file in place."""
    with tempfile.TemporaryDirectory(dir=_folder(path)) as scratch:
        draft = Path(scratch) / "draft.rram.safetensors"
        write_bundle(draft, metadata, tensors)
        bundle = Bundle.open(draft)
        y_star = ideal_activations(bundle, scaled(bundle.calibration_x))
        for layer, y in zip(bundle.layers, y_star, strict=True):
            tensors[f"{layer.name}.y_std"] = np.maximum(y.reshape(-1, layer.n).std(axis=0), 1e-6).astype(np.float32)
        bundle = _coded(bundle, tensors, value_bits)
        if value_bits < 32:
            metadata["correction"] = json.dumps(correction_document(bundle.layers))
        put_in_place(path, draft, bundle, metadata, tensors)
    return Bundle.open(path)


def put_in_place(path: Path, draft: Path, bundle: Bundle, metadata: dict[str, str], tensors: Tensors) -> None:
    """Write the draft once more, with the golden vectors that `bundle`, read from it, gives; then move it to `path`."""
    engine = NumpyEngine(bundle, GOLDEN_SEED, Effects(), initial_correction(bundle))
    tensors["golden.logits"] = engine.logits(scaled(bundle.golden_x), 0)
    metadata["golden"] = json.dumps({"seed": GOLDEN_SEED, "cells_sha256": cells_digest(engine.cells)})
    write_bundle(draft, metadata, tensors)
    Bundle.open(draft)
    os.replace(draft, path)


def _coded(bundle: Bundle, tensors: Tensors, value_bits: int) -> Bundle:
    """The bundle with the outputs' spread and the codes of its SRAM."""
    known = [replace(layer, y_std=tensors[f"{layer.name}.y_std"]) for layer in bundle.layers]
    layers = (replace(layer, sram=layer_codes(layer, bundle.tables, value_bits)) for layer in known)
    return replace(bundle, layers=tuple(layers))


def write_bundle(path: Path, metadata: dict[str, str], tensors: Tensors) -> None:
    """Write the container with its digest."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    solid = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    coded = {name: (CODES[array.dtype.str[1:]], array) for name, array in solid.items()}
    try:
        save_file(solid, path, metadata | {"digest": digest_of(metadata, coded)})
    except SafetensorError as error:  # the disk is full, say
        raise HostError(f"{path.name}: cannot be written: {error}") from None


def _folder(path: Path) -> Path:
    folder = path.resolve().parent
    if not folder.is_dir():
        raise HostError(f"{path}: the folder {folder} does not exist")
    return folder


def _exactly(images: npt.NDArray[np.uint8], count: int) -> npt.NDArray[np.uint8]:
    """`count` images, repeated where there are fewer."""
    return images[np.arange(count) % len(images)]


def _own_version() -> str:
    try:
        return version("rram-edge")
    except PackageNotFoundError:
        return "(not installed)"
