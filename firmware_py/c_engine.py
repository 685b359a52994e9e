"""The C engine: firmware_py/core behind cffi. The same bits as the NumPy engine, at the speed of a board."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_py.aging import NEW, Age, relative_change
from firmware_py.bundle import AnalogLayer, Bundle
from firmware_py.cells import Effects, LayerCells
from firmware_py.converters import AdcErrors
from firmware_py.correction import AdaptConfig, Correction, LayerCorrection
from firmware_py.errors import RramError
from firmware_py.graph import Node
from firmware_py.integer import Thresholds, refuse_integer
from firmware_py.update import check_learning, step_scales

F32 = npt.NDArray[np.float32]
U32 = npt.NDArray[np.uint32]

# enum rram_op
_OPS = {"conv2d": 1, "dense": 1, "relu": 2, "maxpool2d": 3, "avgpool2d": 4, "add": 5, "thresholds": 6, "rename": 7,
        "relu6": 8, "leaky_relu": 9, "hard_swish": 10, "softmax": 11, "concat": 12}  # fmt: skip
_KINDS = {"full": 0, "gains": 1, "moments": 2}  # enum rram_kind
_OPTIMIZERS = {"sgd": 0, "rms": 1, "sign": 2, "momentum": 3, "rls": 4}
_ROUNDINGS = {"save": 0, "stochastic": 1, "nearest": 2}


def available() -> bool:
    """Whether the extension is built and loads here (it may be another machine's)."""
    try:
        core()
    except RramError:
        return False
    return True


def core() -> Any:
    """The extension module (attributes ffi, lib); RramError where it is not built."""
    try:
        return import_module("firmware_py._core")
    except ImportError as error:
        raise RramError(
            f"engine: the C core does not load ({error}); run: python -m firmware_py.build_core (needs a C compiler)"
        ) from None


def variants() -> list[str]:
    """Names of the instruction sets that this processor can run, slowest first."""
    lib, ffi = core().lib, core().ffi
    usable = [i for i in range(lib.rram_variant_count()) if lib.rram_variant_usable(i)]
    return [ffi.string(lib.rram_variant_name(i)).decode() for i in usable]


def draw_words(variant: str, seed: int, purpose: int, layer: int, read: int, first: int, count: int) -> U32:
    """The words of elements first..first + count - 1 as the core's kernels draw them, uint32 [count]. For tests."""
    out = np.empty(count, np.uint32)
    core().lib.rram_words(
        _number(variant), seed, purpose, layer, read, first, count, core().ffi.from_buffer("uint32_t[]", out)
    )
    return out


def draw_normals(
    variant: str, seed: int, purpose: int, layer: int, read: int, first: int, count: int, table: F32
) -> F32:
    """The same as standard normal numbers by a table float32 [NODES]; float32 [count]. For tests."""
    out, view = np.empty(count, np.float32), core().ffi.from_buffer
    place = (seed, purpose, layer, read, first, count)
    core().lib.rram_normals(_number(variant), *place, view("float[]", table), view("float[]", out))
    return out


def _number(variant: str | None) -> int:
    """The core's number of an instruction set; -1, its own choice, for None."""
    lib, ffi = core().lib, core().ffi
    for i in range(lib.rram_variant_count()):
        if lib.rram_variant_usable(i) and ffi.string(lib.rram_variant_name(i)).decode() == variant:
            return i
    if variant is not None:
        raise RramError(f"engine: variant: {variant!r} is not one of {', '.join(variants())}")
    return -1


def _plain(x: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """The array as C wants it: of this type, contiguous and aligned; itself where it is so already."""
    if x.dtype == dtype and x.flags.c_contiguous and x.flags.aligned:
        return x
    return np.array(x, dtype, order="C")


class CEngine:
    """A chip in C. Interface as NumpyEngine; `variant` forces an instruction set (by default the fastest), for tests.
    The `frozen` first layers need no memory for learning.

    The arena holds cells, plan and buffers; nothing is allocated in it later. Calls of several threads take turns.
    """

    name = "c"
    takes_bytes = True  # logits() takes uint8 images, too

    def __init__(
        self, bundle: Bundle, seed: int, effects: Effects, correction: Correction, variant: str | None = None,
        age: Age = NEW, frozen: int = 0,
    ) -> None:  # fmt: skip
        module = core()
        self._ffi, self._lib = module.ffi, module.lib
        self.bundle, self.correction = bundle, correction
        self._lock = threading.Lock()
        # looked up once: one image takes a few microseconds
        self._shape, self._classes, self._view = bundle.input_shape, len(bundle.classes), self._ffi.from_buffer
        self._floats = self._ffi.typeof("float[]")
        self._of_floats = (self._lib.rram_logits, self._floats, np.dtype(np.float32))
        self._of_bytes = (self._lib.rram_logits_bytes, self._ffi.typeof("uint8_t[]"), np.dtype(np.uint8))
        self._one = np.empty(self._classes, np.float32)  # logits of one image
        self._one_view = self._view(self._floats, self._one)
        self._pinned: list[Any] = []  # the core keeps pointers into these
        self.description = self._describe(seed, effects, age)
        self.description.frozen = self.frozen = frozen
        self.arena_bytes = int(self._lib.rram_arena_size(self.description))
        if self.arena_bytes == 0:
            raise RramError(f"{bundle.path}: graph: the C core does not carry these shapes; use engine='numpy'")
        self._arena = np.empty(self.arena_bytes, np.uint8)
        arena = self._pin(self._arena, "unsigned char[]")
        self._net = self._lib.rram_init(self.description, arena, self.arena_bytes, _number(variant))
        if self._net == self._ffi.NULL:
            raise RramError(f"{bundle.path}: levels: a level that the profile does not have")
        self.variant = self._ffi.string(self._lib.rram_variant_of(self._net)).decode()

    def logits(self, x: npt.NDArray[Any], read: int) -> F32:
        """Logits [n, classes] of images [n, *input_shape]; image i uses read counter `read` + i.

        Images are float in [0, 1], or uint8 (x / 255).
        """
        n = len(x)
        if x.shape[1:] != self._shape:
            raise RramError(f"image: shape {list(x.shape[1:])} given, expected {list(self._shape)}")
        compute, kind, dtype = self._of_bytes if x.dtype == np.uint8 else self._of_floats
        out = np.empty((n, self._classes), np.float32)
        images = self._view(kind, _plain(x, dtype))
        with self._lock:
            compute(self._net, images, n, read, self._view(self._floats, out))
        return out

    def classify(self, x: npt.NDArray[np.uint8], read: int) -> int:
        """Class of one image of bytes [*input_shape]: the first of the largest logits."""
        compute, kind, dtype = self._of_bytes
        image = self._view(kind, _plain(x, dtype))
        with self._lock:
            compute(self._net, image, 1, read, self._one_view)
            return int(self._one.argmax())

    def raw(self, layer: int, a: npt.NDArray[Any], read: int) -> npt.NDArray[np.int32]:
        """Sums of ADC codes s [n, P, N] of one analog layer for inputs a [n, *in_shape], codes where it takes codes."""
        spec = self.bundle.layers[layer]
        inputs = _plain(a, np.dtype(np.float32))
        if inputs.shape[1:] != spec.node.in_shape:
            raise RramError(f"{spec.name}: input {list(inputs.shape[1:])} given, expected {list(spec.node.in_shape)}")
        out = np.empty((len(inputs), spec.node.positions, spec.n), np.int32)
        view = self._ffi.from_buffer
        with self._lock:
            self._lib.rram_raw(self._net, layer, view(self._floats, inputs), len(inputs), read, view("int32_t[]", out))
        return out

    def learn(self, x: F32, label: int, read: int, step: int, adapt: AdaptConfig) -> F32:
        """One label: forward, backward, update of the correction in place. Returns the logits before the update."""
        classes = len(self.bundle.classes)
        check_learning(self.bundle, self.correction, self.frozen, adapt)
        if x.shape != self.bundle.input_shape or not 0 <= label < classes:
            raise RramError(f"learn: image of shape {list(x.shape)} with label {label}, expected "
                            f"{list(self.bundle.input_shape)} and a label from 0 to {classes - 1}")  # fmt: skip
        image = _plain(x, np.dtype(np.float32))
        out = np.empty(classes, np.float32)
        numbers = (_ROUNDINGS[adapt.rounding], adapt.forgetting, adapt.prior)
        config = self._ffi.new("rram_adapt *", (_OPTIMIZERS[adapt.optimizer], adapt.rate(step), adapt.beta, *numbers))
        view = self._ffi.from_buffer
        with self._lock:
            self._lib.rram_learn(self._net, view(self._floats, image), label, read, config, view(self._floats, out))
        return out

    def calibration_bytes(self, kind: str = "full") -> tuple[int, int]:
        """Bytes with which `calibrate` takes one pass a layer over the images, and those with which it works at all.

        (0, 0): the core does not calibrate this network (integers, a low-rank part).
        """
        least = self._ffi.new("size_t *")
        return int(self._lib.rram_calibration_size(self._net, _KINDS[kind], least)), int(least[0])

    def calibrate(self, x: F32, read: int, kind: str = "full", memory: int | None = None) -> list[tuple[float, float]]:
        """Calibrate the correction in place on images x [n, *input_shape]; image i uses read counter `read` + i.

        Error before and after of each layer, as firmware_py.calibrate reports it. `memory`: bytes to work in, by
        default what one pass a layer takes. RramError, with nothing changed, for what the core does not calibrate, too
        little memory, and where numbers leave their range.
        """
        refuse_integer(self.bundle.nodes, "calibrate")
        most, least = self.calibration_bytes(kind)
        size = most if memory is None else memory
        if not most:
            raise RramError("calibrate: a low-rank part given, which the C core does not fit; leave in_core out")
        if size < least:
            raise RramError(f"calibrate: {size} bytes of memory given, expected at least {least}")
        if len(x) == 0 or x.shape[1:] != self._shape:
            raise RramError(f"calibrate: images of shape {list(x.shape)} given, expected [1 or more, "
                            f"{', '.join(map(str, self._shape))}]")  # fmt: skip
        room, gained = np.empty(size, np.uint8), np.empty((len(self.bundle.layers), 2))
        images = _plain(x, np.dtype(np.float32))
        given = self._view(self._floats, images), len(images), read
        work = self._view("unsigned char[]", room), size, self._view("rram_gained[]", gained)
        with self._lock:
            code = self._lib.rram_calibrate(self._net, _KINDS[kind], *given, *work)
        if code == self._lib.RRAM_IMAGES:
            raise RramError(f"calibrate: {len(images)} images are more than the core's sums hold; give fewer")
        if code != self._lib.RRAM_DONE:
            raise RramError("calibrate: numbers out of range (in the C core); the correction stays as it was")
        return [(float(before), float(after)) for before, after in gained]

    @property
    def cells(self) -> list[LayerCells]:
        """The cells as they lie in the arena now, copied out."""
        rows, out = self.bundle.macro.rows_active, []
        view = self._ffi.from_buffer
        for i, layer in enumerate(self.bundle.layers):
            d, v = np.empty((layer.k, layer.n), np.int16), np.empty((layer.k, layer.n), np.uint8)
            scale = np.empty((-(-layer.k // rows), layer.n), np.float32)
            self._lib.rram_cells(self._net, i, view("int16_t[]", d), view("uint8_t[]", v), view("float[]", scale))
            out.append(LayerCells(d, v, scale, self._adc(i, layer)))
        return out

    def _adc(self, index: int, layer: AnalogLayer) -> AdcErrors | None:
        macro, view = self.bundle.macro, self._ffi.from_buffer
        gain, offset = (np.empty((-(-layer.k // macro.rows), layer.n), np.float32) for _ in range(2))
        if not self._lib.rram_adc(self._net, index, view("float[]", gain), view("float[]", offset)):
            return None
        return AdcErrors(gain, offset, macro.rows // macro.rows_active)

    @property
    def arrays(self) -> dict[int, npt.NDArray[Any]]:
        """What the description points to, by address (firmware_py.c_header writes it down)."""
        return {array.ctypes.data: array for array in self._pinned if isinstance(array, np.ndarray)}

    def _pin(self, array: npt.NDArray[Any], kind: str) -> Any:
        """A pointer to an array that lives as long as the engine, NULL to an empty one; kind: a C array type."""
        if array.size == 0:
            return self._ffi.NULL
        pointer = self._ffi.from_buffer(kind, array)
        self._pinned += [array, pointer]
        return pointer

    def _describe(self, seed: int, effects: Effects, age: Age) -> Any:
        nodes = [node for node in self.bundle.nodes if node.op != "flatten"]  # which changes nothing in memory
        array = self._ffi.new("rram_node[]", len(nodes))
        number, targets = {-1: -1}, iter(array)  # the core's number of each node
        for i, node in enumerate(self.bundle.nodes):
            sources = [number[source] for source in node.sources]
            number[i] = sources[0] if node.op == "flatten" else max(number.values()) + 1
            if node.op != "flatten":
                self._node(next(targets), node, sources)
        tables = self.bundle.tables
        description = self._ffi.new("rram_desc *")
        self._pinned += [array, description]
        description.nodes, description.node_count = array, len(nodes)
        description.level_count = len(tables.target)
        description.quantiles = self._pin(tables.quantiles, "int32_t[]")
        description.target = self._pin(tables.target, "int32_t[]")
        description.read_a = self._pin(tables.read_a, "double[]")
        description.read_b = self._pin(tables.read_b, "double[]")
        description.normal = self._pin(tables.normal, "float[]")
        description.faults = [int(f) if effects.stuck else 0 for f in tables.faults]
        macro, law = self.bundle.macro, self.bundle.aging.drift
        description.adc_gain_sigma, description.adc_offset_sigma = macro.adc_gain_sigma, macro.adc_offset_sigma_lsb
        description.adc_share = macro.rows // macro.rows_active
        if self.bundle.aging.disturb:
            each = [relative_change(self.bundle, layer, age) for layer in self.bundle.layers]
            description.disturbed = self._pin(np.array(each), "double[]")
        if law is not None:
            description.decades = law.decades(age.seconds)
            description.drift_mean = self._pin(law.mean, "double[]")
            description.drift_sd = self._pin(law.sd, "double[]")
        switches = (effects.programming, effects.read_noise, effects.converter_errors, effects.drift, effects.disturb)
        description.effects = sum(on << bit for bit, on in enumerate(switches))  # enum rram_effect
        description.seed = seed
        description.var = self._pin(tables.var, "double[]")
        return description

    def _node(self, target: Any, node: Node, sources: list[int]) -> None:
        target.op = _OPS[node.op]
        target.from_count = len(sources)
        setattr(target, "from", self._pin(np.array(sources, np.int32), "int32_t[]"))
        target.in_h, target.in_w, target.in_c = (1, 1, 1, *node.in_shape)[-3:]
        target.out_h, target.out_w, target.out_c = (1, 1, 1, *node.out_shape)[-3:]
        target.kh, target.kw = node.kernel
        target.sh, target.sw = node.stride
        target.pad_top, target.pad_left = node.pad
        target.dilation_h, target.dilation_w = node.dilation
        target.groups, target.slope = node.groups, node.slope
        if node.parts:
            target.parts = self._pin(np.array(node.parts, np.uint32), "uint32_t[]")
        target.integer, target.most = node.integer, node.most
        step = self.bundle.integer.get(node.name)
        if isinstance(step, Thresholds):
            target.thresholds = self._pin(step.values, "int32_t[]")
        elif step is not None:
            target.row, target.sign = self._pin(step.row, "uint16_t[]"), self._pin(step.sign, "int8_t[]")
        if node.layer >= 0:
            self._analog(target, self.bundle.layers[node.layer], self.correction.layers[node.layer])

    def _analog(self, target: Any, layer: AnalogLayer, correction: LayerCorrection) -> None:
        macro = self.bundle.macro
        target.tile_rows, target.dac_bits, target.adc_bits = macro.rows_active, macro.dac_bits, macro.adc_bits
        target.signed_in = layer.node.signed
        target.w_step, target.dac_lsb, target.adc_lsb = float(layer.w_step), float(layer.dac_lsb), float(layer.adc_lsb)
        target.levels = self._pin(layer.levels, "uint8_t[]")
        target.gain = self._pin(correction.gain, "float[]")
        target.offset = self._pin(correction.offset, "float[]")
        target.value = self._pin(correction.value, "float[]")
        target.ms = self._pin(correction.ms, "double[]")
        if layer.sram.rank:
            target.rank = layer.sram.rank
            target.low_a, target.low_b = self._pin(correction.a, "float[]"), self._pin(correction.b, "float[]")
        target.mask_start = self._pin(layer.mask_indptr, "int32_t[]")
        target.mask_row = self._pin(layer.mask_rows, "uint16_t[]")
        for name, scale in zip(("gain_scale", "offset_scale", "value_scale"), step_scales(layer), strict=True):
            setattr(target, name, self._pin(np.ascontiguousarray(scale), "float[]"))
        if layer.sram.packed:
            target.value_bits, target.number_bits = layer.sram.value.bits, layer.sram.gain.bits
            exponents = [getattr(layer.sram, key).exponent for key in ("gain", "offset", "value", "a", "b")]
            target.grid = self._pin(np.exp2(np.array(exponents)).astype(np.float32), "float[]")
        target.covariance = self._pin(correction.covariance, "double[]")
        target.velocity = self._pin(correction.velocity, "float[]")
        first = self._ffi.new("rram_first *")
        for name, array in {"gain": layer.gain, "offset": layer.offset, "value": layer.mask_value}.items():
            setattr(first, name, self._pin(array, "float[]"))
        self._pinned.append(first)
        target.first = first
