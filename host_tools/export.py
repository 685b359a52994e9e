"""Export: a Keras network, a profile and a macro become one bundle that a board can run (layout: docs/bundle.md)."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.profile import DeviceProfile
from firmware_py.bundle import VERSION, Bundle, digest_of
from firmware_py.cells import Effects, cells_digest
from firmware_py.correction import initial_correction
from firmware_py.numpy_engine import NumpyEngine, ideal_activations
from host_tools.data import Dataset, scaled
from host_tools.errors import HostError
from host_tools.mapping.aging import aging_tensors
from host_tools.mapping.bare import Tensors, profile_tables
from host_tools.mapping.carried import carried_steps
from host_tools.mapping.codes import correction_document
from host_tools.mapping.draft import Draft, ExportOptions
from host_tools.mapping.kinds import coded
from host_tools.mapping.mask import MaskChoice
from host_tools.mapping.network import MappedNetwork, map_model
from host_tools.pairing.compare import pairing_warning

CODES = {"u1": "U8", "i1": "I8", "u2": "U16", "i4": "I32", "u4": "U32", "f4": "F32", "f8": "F64"}
FISHER_IMAGES = 2000
GOLDEN_SEED, GOLDEN_IMAGES = 1, 8
STAGES = 5  # calls of `tell`


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
    tables, aging = profile_tables(profile), aging_tensors(profile) if options.aging else {}
    network = map_model(model, np.array(profile.levels.conductance_uS), options.clip_sd)
    _check_macro(model, profile, data, options)
    _, held_out, labels = data.validation()
    order = np.random.default_rng(options.seed).permutation(len(held_out))
    images, labels = held_out[order], labels[order]
    draft = Draft(network, tables, options)
    tell("choose mask")
    draft.set_mask(scaled(images[:FISHER_IMAGES]), labels[:FISHER_IMAGES])
    tell("choose converter ranges")
    draft.set_ranges(scaled(images[: options.vectors]))
    tell("convert the ideal network")
    flatbuffer = to_tflite(ideal, scaled(images))
    tell("write")
    tensors = draft.tensors() | aging | {
        "calibration.x": images[: options.vectors],
        "golden.x": images[-GOLDEN_IMAGES:],
        "golden.logits": np.zeros((GOLDEN_IMAGES, len(data.classes)), np.float32),
        "ideal.tflite": np.frombuffer(flatbuffer, np.uint8),
    }
    tensors["golden.x"] = _exactly(tensors["golden.x"], GOLDEN_IMAGES)
    metadata = _metadata(network, profile, options, data, provenance)
    return _finish(path, metadata, tensors, options.mask.value_bits, draft.ranks)


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


def _metadata(
    network: MappedNetwork, profile: DeviceProfile, options: ExportOptions, data: Dataset, provenance: dict[str, Any]
) -> dict[str, str]:
    record = {
        "created_by": f"rram-edge {_own_version()}",
        "data": data.name,
        "mask": _mask_record(options.mask) | ({} if options.kind == "sparse" else {"correction": options.kind}),
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


def _finish(
    path: Path, metadata: dict[str, str], tensors: Tensors, value_bits: int, ranks: Sequence[int]
) -> Bundle:
    """Fill in what only a readable bundle can tell (spread of outputs, golden vectors), then put the file in place."""
    with tempfile.TemporaryDirectory(dir=_folder(path)) as scratch:
        draft = Path(scratch) / "draft.rram.safetensors"
        write_bundle(draft, metadata, tensors)
        bundle = Bundle.open(draft)
        y_star = ideal_activations(bundle, scaled(bundle.calibration_x))
        for layer, y in zip(bundle.layers, y_star, strict=True):
            tensors[f"{layer.name}.y_std"] = np.maximum(y.reshape(-1, layer.n).std(axis=0), 1e-6).astype(np.float32)
        known = [replace(layer, y_std=tensors[f"{layer.name}.y_std"]) for layer in bundle.layers]
        bundle = replace(bundle, layers=tuple(coded(known, bundle.tables, value_bits, ranks)))
        if value_bits < 32 or any(ranks):
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
