"""Bundle: what a board gets, one verified safetensors file (layout: docs/bundle.md)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from reprlib import repr as shorten  # what a file says may be megabytes long
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_py.aging import Aging, read_aging
from firmware_py.container import parse_json, read_container
from firmware_py.draws import NODES
from firmware_py.errors import RramError
from firmware_py.graph import Node, group_of_columns, parse_graph
from firmware_py.integer import IntegerStep, read_step
from firmware_py.limits import MOST_NORMAL, refuse_huge, refuse_wild
from firmware_py.sram import LayerSram, parse_sram

VERSION = "1"
MAX_STEPS = 32767  # of conductance: differences of cells are int16
MOST_NOISE = 1e9  # of variances and noise; with MOST_SCALE it keeps products finite in float32
MOST_SCALE = 1e12  # of scales; its inverse is the least
MOST_ADC_ERROR = {"adc_gain_sigma": 1, "adc_offset_sigma_lsb": 32768}  # of macro: no code is beyond that offset
KEYS = ("format", "version", "graph", "profile", "macro", "classes", "input", "golden", "provenance", "digest")


@dataclass(frozen=True)
class ProfileTables:
    """The technology as the board sees it: tables per level (docs/numerics.md, sections 2 and 3); G in G steps."""

    quantiles: npt.NDArray[np.int32]  # [levels, 2, NODES], 1/256 G step
    target: npt.NDArray[np.int32]  # [levels]
    var: npt.NDArray[np.float64]  # [levels] variance of programming
    read_a: npt.NDArray[np.float64]  # [levels] read noise: sigma = a + b G
    read_b: npt.NDArray[np.float64]
    faults: npt.NDArray[np.uint32]  # thr_low, thr_high, g_low, g_high
    normal: npt.NDArray[np.float32]  # [NODES]


@dataclass(frozen=True)
class Macro:
    """The macro: size of a tile, rows that one ADC conversion sums (R of docs/numerics.md), converter bits, standard
    deviations of the ADCs' gains (around 1) and offsets (codes)."""

    rows: int
    cols: int
    rows_active: int
    dac_bits: int
    adc_bits: int
    adc_gain_sigma: float = 0.0
    adc_offset_sigma_lsb: float = 0.0


@dataclass(frozen=True)
class AnalogLayer:
    """One layer on RRAM: K rows, N columns, levels of the pairs uint8 [2, K, N], and where its correction starts."""

    node: Node
    levels: npt.NDArray[np.uint8]
    w_step: np.float32
    dac_lsb: np.float32
    adc_lsb: np.float32
    gain: npt.NDArray[np.float32]
    offset: npt.NDArray[np.float32]
    y_std: npt.NDArray[np.float32]
    mask_indptr: npt.NDArray[np.int32]
    mask_rows: npt.NDArray[np.uint16]
    mask_value: npt.NDArray[np.float32]
    mask_lr_exp: npt.NDArray[np.int8]
    sram: LayerSram = field(default_factory=LayerSram)

    @property
    def name(self) -> str:
        """The layer's name in the graph."""
        return self.node.name

    @property
    def k(self) -> int:
        """Rows of the matrix."""
        return int(self.levels.shape[1])

    @property
    def n(self) -> int:
        """Columns of the matrix."""
        return int(self.levels.shape[2])

    @property
    def mask_cols(self) -> npt.NDArray[np.int64]:
        """Column of each mask entry, [entries]."""
        return np.repeat(np.arange(self.n), np.diff(self.mask_indptr))

    @property
    def mask_inputs(self) -> npt.NDArray[np.int64]:
        """Which of the G K inputs of im2col each mask entry meets, [entries]."""
        rows = self.mask_rows.astype(np.int64)
        return rows if self.node.groups == 1 else rows + self.k * group_of_columns(self.node)[self.mask_cols]

    def weights_of(self, conductances: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
        """Weights [K, N], without the column gains, of pairs of conductances [2, K, N] in G steps."""
        plus, minus = conductances
        return np.asarray((plus - minus) * float(self.w_step), np.float64)

    @property
    def unit(self) -> np.float32:
        """Weight times input that one ADC code stands for (docs/numerics.md, section 4)."""
        return np.float32(float(self.w_step) * float(self.dac_lsb) * float(self.adc_lsb))


@dataclass(frozen=True)
class Bundle:
    """A verified bundle; arrays are read-only views of the mapped file."""

    path: Path
    digest: str
    input_shape: tuple[int, ...]
    classes: tuple[str, ...]
    nodes: tuple[Node, ...]
    layers: tuple[AnalogLayer, ...]
    tables: ProfileTables
    macro: Macro
    profile: dict[str, Any]
    provenance: dict[str, Any]
    golden: dict[str, Any]
    golden_x: npt.NDArray[np.uint8]
    golden_logits: npt.NDArray[np.float32]
    calibration_x: npt.NDArray[np.uint8]
    ideal_tflite: npt.NDArray[np.uint8]
    integer: dict[str, IntegerStep] = field(default_factory=dict)  # by name of a thresholds or rename node
    aging: Aging = field(default_factory=Aging)

    @staticmethod
    def open(path: str | Path) -> Bundle:
        """Map and verify a bundle; RramError with file, key, given and expected if anything is wrong."""
        return _Reader(Path(path)).bundle()


def digest_of(metadata: dict[str, str], tensors: dict[str, tuple[str, npt.NDArray[Any]]]) -> str:
    """SHA-256 over metadata (without 'digest') and tensors {name: (dtype code, array)}, in sorted order."""
    h = hashlib.sha256()
    for key in sorted(metadata.keys() - {"digest"}):
        h.update(key.encode() + b"\0" + metadata[key].encode() + b"\0")
    for name in sorted(tensors):
        code, array = tensors[name]
        h.update(f"{name}\0{code}\0{json.dumps(list(array.shape))}\0".encode())
        h.update(np.ascontiguousarray(array).data)
    return h.hexdigest()


def printable(text: Any, most: int) -> bool:
    """Whether it is text of at most `most` characters that does nothing to a terminal but appear there."""
    return isinstance(text, str) and text.isprintable() and len(text) <= most


def uncorrected(n: int) -> dict[str, Any]:
    """What stands for the correction of a layer of n columns that has none."""
    none = {"mask_rows": np.uint16, "mask_value": np.float32, "mask_lr_exp": np.int8}
    columns = {"gain": np.ones(n, np.float32), "offset": np.zeros(n, np.float32), "y_std": np.ones(n, np.float32)}
    return columns | {key: np.zeros(0, kind) for key, kind in none.items()} | {"mask_indptr": np.zeros(n + 1, np.int32)}


class _Reader:
    """Takes one file apart, key by key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metadata, self.tensors, self.codes = read_container(path)

    def fail(self, text: str) -> RramError:
        return RramError(f"{self.path}: {text}")

    def bundle(self) -> Bundle:
        self._head()
        shape = self._input_shape()
        classes = self._json("classes", list)
        nodes, macro = parse_graph(self._json("graph", dict), shape, self.fail), self._macro()
        refuse_huge(nodes, shape, macro.rows_active, self.fail)
        if not all(printable(c, 256) for c in classes) or len(classes) != nodes[-1].out_shape[0]:
            raise self.fail(f"classes: {shorten(classes)} given, expected {nodes[-1].out_shape[0]} names (the logits)")
        tables = self._tables()
        layers = self._layers(nodes, len(tables.target))
        refuse_wild(nodes, layers, macro, self.fail)
        logits = self.tensor("golden.logits", "F32", (None, len(classes)))
        return Bundle(
            path=self.path,
            digest=self.metadata["digest"],
            input_shape=shape,
            classes=tuple(classes),
            nodes=nodes,
            layers=layers,
            tables=tables,
            macro=macro,
            profile=self._json("profile", dict),
            provenance=self._json("provenance", dict),
            golden=self._golden(),
            golden_x=self.tensor("golden.x", "U8", (len(logits), *shape)),
            golden_logits=logits,
            calibration_x=self.tensor("calibration.x", "U8", (None, *shape)),
            ideal_tflite=self.tensor("ideal.tflite", "U8", (None,)),
            aging=read_aging(len(tables.target), self.tensors, self.tensor, self.fail),
            integer={n.name: read_step(n, self.tensor, self.fail) for n in nodes if n.op in ("thresholds", "rename")},
        )

    def _head(self) -> None:
        if self.metadata.get("format") != "rram-edge":
            raise self.fail(f"format: {shorten(self.metadata.get('format'))} given, expected 'rram-edge'")
        if self.metadata.get("version") != VERSION:
            raise self.fail(f"version: {shorten(self.metadata.get('version'))} given, expected '{VERSION}'")
        for key in KEYS:
            if key not in self.metadata:
                raise self.fail(f"{key}: missing from the metadata")
        found = digest_of(self.metadata, {name: (self.codes[name], array) for name, array in self.tensors.items()})
        given = self.metadata["digest"]
        if found != given:
            raise self.fail(f"digest: {shorten(given)} given, expected {shorten(found)} (damaged file)")

    def _json(self, key: str, kind: type) -> Any:
        try:
            value = parse_json(self.metadata[key])
        except ValueError:
            raise self.fail(f"{key}: not valid JSON") from None
        if not isinstance(value, kind):
            raise self.fail(f"{key}: {type(value).__name__} given, expected {kind.__name__}")
        return value

    def _input_shape(self) -> tuple[int, ...]:
        shape = self._json("input", dict).get("shape")
        if not isinstance(shape, list) or not 1 <= len(shape) <= 3:
            raise self.fail(f"input.shape: {shorten(shape)} given, expected a list of 1 to 3 sizes")
        if not all(type(n) is int and 1 <= n <= 4096 for n in shape):
            raise self.fail(f"input.shape: {shorten(shape)} given, expected whole numbers from 1 to 4096")
        return tuple(shape)

    def _macro(self) -> Macro:
        macro = self._json("macro", dict)
        if macro.get("pairing") != "differential":
            raise self.fail(f"macro.pairing: {shorten(macro.get('pairing'))} given, expected 'differential'")
        limits = {"rows": 256, "cols": 65536, "rows_active": 256, "dac_bits": 8, "adc_bits": 16}
        for key, most in limits.items():
            if type(macro.get(key)) is not int or not 1 <= macro[key] <= most:
                raise self.fail(f"macro.{key}: {shorten(macro.get(key))} is not a whole number from 1 to {most}")
        if macro["rows"] % macro["rows_active"]:
            raise self.fail(f"macro.rows_active: {macro['rows_active']} does not divide rows ({macro['rows']})")
        sigmas = {key: macro.get(key, 0.0) for key in MOST_ADC_ERROR}
        for key, sigma in sigmas.items():
            if type(sigma) not in (int, float) or not 0 <= sigma <= MOST_ADC_ERROR[key]:
                raise self.fail(f"macro.{key}: {shorten(sigma)} is not a number from 0 to {MOST_ADC_ERROR[key]}")
        return Macro(*(macro[key] for key in limits), *(float(sigma) for sigma in sigmas.values()))

    def _golden(self) -> dict[str, Any]:
        golden: dict[str, Any] = self._json("golden", dict)
        if type(golden.get("seed")) is not int or not 0 <= golden["seed"] < 2**64:
            raise self.fail(f"golden.seed: {shorten(golden.get('seed'))} is not a seed from 0 to 2^64 - 1")
        if not printable(golden.get("cells_sha256"), 64):
            raise self.fail(f"golden.cells_sha256: {shorten(golden.get('cells_sha256'))} given, expected text")
        return golden

    def tensor(self, name: str, code: str, shape: tuple[int | None, ...]) -> Any:
        """The tensor `name`, checked against dtype code and shape (None: any length); finite, aligned, contiguous."""
        wanted = f"{code}[{', '.join('any' if n is None else str(n) for n in shape)}]"
        if name not in self.tensors:
            raise self.fail(f"{name}: missing, expected {wanted}")
        array = self.tensors[name]
        fits = len(array.shape) == len(shape) and all(b in (None, a) for a, b in zip(array.shape, shape, strict=True))
        if self.codes[name] != code or not fits:
            raise self.fail(f"{name}: {self.codes[name]}{list(array.shape)} given, expected {wanted}")
        if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
            raise self.fail(f"{name}: NaN or infinity given, expected finite numbers")
        return np.require(array, requirements=["A", "C"])

    def _tables(self) -> ProfileTables:
        target = self.tensor("profile.target", "I32", (None,))
        count = len(target)
        if count < 2 or np.any(target[1:] <= target[:-1]) or target[0] < 0 or target[-1] > MAX_STEPS:
            expected = f"expected at least 2 increasing levels from 0 to {MAX_STEPS}"
            raise self.fail(f"profile.target: {shorten(target.tolist())} given, {expected}")
        tables = ProfileTables(
            quantiles=self.tensor("profile.quantiles", "I32", (count, 2, NODES)),
            target=target,
            var=self.tensor("profile.var", "F64", (count,)),
            read_a=self.tensor("profile.read_a", "F64", (count,)),
            read_b=self.tensor("profile.read_b", "F64", (count,)),
            faults=self.tensor("profile.faults", "U32", (4,)),
            normal=self.tensor("profile.normal", "F32", (NODES,)),
        )
        for key in ("var", "read_a", "read_b"):
            values = getattr(tables, key)
            if values.min() < 0 or values.max() > MOST_NOISE:
                raise self.fail(f"profile.{key}: {shorten(values.tolist())} given, expected 0 to {MOST_NOISE:g}")
        if np.abs(tables.normal).max() > MOST_NORMAL:
            given = f"{shorten(tables.normal.tolist())} given, expected -{MOST_NORMAL:g} to {MOST_NORMAL:g}"
            raise self.fail(f"profile.normal: {given}")
        thr_low, thr_high, g_low, g_high = tables.faults.tolist()
        if thr_low > thr_high or max(g_low, g_high) > MAX_STEPS:
            expected = f"expected rising thresholds, then two conductances up to {MAX_STEPS}"
            raise self.fail(f"profile.faults: {tables.faults.tolist()} given, {expected}")
        return tables

    def _layers(self, nodes: tuple[Node, ...], levels: int) -> tuple[AnalogLayer, ...]:
        analog = [node for node in nodes if node.layer >= 0]
        document = self._json("correction", dict) if "correction" in self.metadata else None
        codes = parse_sram(document, {node.name: node.weights for node in analog}, self.fail)
        return tuple(self._layer(node, levels, code) for node, code in zip(analog, codes, strict=True))

    def _layer(self, node: Node, levels: int, sram: LayerSram) -> AnalogLayer:
        k, n = node.weights
        name = node.name
        scales = self.tensor(f"{name}.scales", "F32", (3,))
        if scales.min() < 1 / MOST_SCALE or scales.max() > MOST_SCALE:
            expected = f"expected w_step, dac_lsb, adc_lsb from {1 / MOST_SCALE:g} to {MOST_SCALE:g}"
            raise self.fail(f"{name}.scales: {scales.tolist()} given, {expected}")
        level = self.tensor(f"{name}.levels", "U8", (2, k, n))
        if level.max(initial=0) >= levels:
            raise self.fail(f"{name}.levels: level {level.max()} given, the profile has 0..{levels - 1}")
        if node.integer:
            w_step, dac_lsb, adc_lsb = scales
            return AnalogLayer(node, level, w_step, dac_lsb, adc_lsb, **uncorrected(n))
        if sram.rank and node.groups > 1:
            raise self.fail(f"correction.{name}: a low-rank part of a convolution with groups, expected none")
        indptr, rows = self._mask(name, k, n)
        return AnalogLayer(
            node=node,
            levels=level,
            w_step=scales[0],
            dac_lsb=scales[1],
            adc_lsb=scales[2],
            gain=self.tensor(f"{name}.gain", "F32", (n,)),
            offset=self.tensor(f"{name}.offset", "F32", (n,)),
            y_std=self.tensor(f"{name}.y_std", "F32", (n,)),
            mask_indptr=indptr,
            mask_rows=rows,
            mask_value=self.tensor(f"{name}.mask.value", "F32", (len(rows),)),
            mask_lr_exp=self.tensor(f"{name}.mask.lr_exp", "I8", (len(rows),)),
            sram=sram,
        )

    def _mask(self, name: str, k: int, n: int) -> tuple[Any, Any]:
        indptr = self.tensor(f"{name}.mask.indptr", "I32", (n + 1,))
        rows = self.tensor(f"{name}.mask.rows", "U16", (None,))
        if indptr[0] != 0 or np.any(indptr[1:] < indptr[:-1]) or indptr[-1] != len(rows):
            raise self.fail(f"{name}.mask.indptr: does not rise from 0 to {len(rows)}, the number of mask entries")
        if len(rows) and rows.max() >= k:
            raise self.fail(f"{name}.mask.rows: row {rows.max()} given, the layer has rows 0..{k - 1}")
        column = np.repeat(np.arange(n), np.diff(indptr))
        if len(np.unique(column * 65536 + rows)) != len(rows):
            raise self.fail(f"{name}.mask.rows: the same cell is given twice")
        return indptr, rows
