"""A network in C (net.h) and what the NumPy engine makes of it (golden.h), for golden.c: predictions and learning.

And what the core makes of it here when it calibrates, which test_core_calibrate.py holds against NumPy.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from firmware_py import Chip, Effects
from firmware_py.bundle import Bundle
from firmware_py.c_header import write_header
from firmware_py.correction import AdaptConfig, Correction, initial_correction
from firmware_py.numpy_engine import NumpyEngine
from tests.firmware_py.core_cases import opened
from tests.firmware_py.make_bundle import INTEGERS, MOBILE, RESNET, Synthetic

READ = 2**32 - 2  # the read counter passes 32 bits on the way
IMAGES, STEPS, SEED = 3, 6, 0xFEDCBA9876543210
OPTIMIZERS = [AdaptConfig(name, lr=0.05) for name in ("sgd", "rms", "rls")]  # only the last remembers more
CASES = {
    "resnet": Synthetic(nodes=RESNET, input_shape=(8, 8, 2), mask_share=0.2, faults=(2**28, 2**29, 300, 3000)),
    "mobile": Synthetic(nodes=MOBILE, input_shape=(8, 8, 2), mask_share=0.3),
    "integers": Synthetic(nodes=INTEGERS, input_shape=(8, 8, 1)),
}


def write_case(folder: Path, spec: Synthetic) -> None:
    """Write net.h and golden.h."""
    bundle = opened(folder, spec)
    write_header(folder / "net.h", Chip(bundle, SEED, "c", adapt=OPTIMIZERS[-1]))
    (folder / "golden.h").write_text(golden(bundle))


def golden(bundle: Bundle) -> str:
    """golden.h: images, logits, labels and corrections by the NumPy engine."""
    images = np.random.default_rng(5).integers(0, 256, (IMAGES, *bundle.input_shape)).astype(np.uint8)
    images[0, :3] = 0  # reads of zeros are left out by the core
    x = images.astype(np.float32) / np.float32(255)
    engine = NumpyEngine(bundle, SEED, Effects(), initial_correction(bundle, OPTIMIZERS[-1]))
    steps = 0 if bundle.nodes[-1].integer else STEPS
    lines = ['#include "net.h"', f"#define GOLDEN_IMAGES {IMAGES}", f"static const uint32_t golden_steps = {steps};",
             f"#define GOLDEN_READ UINT64_C({READ})", floats("golden_x", x), integers("golden_bytes", images),
             floats("golden_logits", engine.logits(x, READ))]  # fmt: skip
    learned, adapt = [], []
    for i in range(STEPS):
        config = OPTIMIZERS[i % len(OPTIMIZERS)]
        adapt.append(f"{{RRAM_{config.optimizer.upper()}, {config.rate(i).hex()}, {config.beta.hex()}, 0, "
                     f"{config.forgetting.hex()}, {config.prior.hex()}}}")
        label = i % len(bundle.classes)
        learned.append(engine.learn(x[i % IMAGES], label, READ + 100 + i, i, config) if steps else np.zeros(1))
    lines.append(floats("golden_learned", np.stack(learned)))
    lines.append(f"static const rram_adapt golden_adapt[] = {{{', '.join(adapt)}}};")
    lines.append(f"#define GOLDEN_CALIBRATED {min(steps, 1)}")
    calibrated = Chip(bundle, SEED, "c", adapt=OPTIMIZERS[-1])
    if steps:
        calibrated.engine.calibrate(x, READ)  # type: ignore[attr-defined]
    three = initial_correction(bundle, OPTIMIZERS[-1]), engine.correction, calibrated.correction
    return "\n".join(lines + states(bundle, *three)) + "\n"


def states(bundle: Bundle, before: Correction, after: Correction, calibrated: Correction) -> list[str]:
    """The correction before and after learning, and calibrated; and the table that golden.c walks over."""
    lines, table = [], []
    places = [i for i, node in enumerate(n for n in bundle.nodes if n.op != "flatten") if node.layer >= 0]
    for place, *all_three in zip(places, before.layers, after.layers, calibrated.layers, strict=True):
        for key in ("gain", "offset", "value", "ms", "covariance"):
            if getattr(all_three[0], key).size:
                names = [f"{when}_{place}_{key}" for when in ("before", "after", "calibrated")]
                lines += [floats(name, getattr(layer, key)) for name, layer in zip(names, all_three, strict=True)]
                table.append(f"{{net_{place}_{key}, {', '.join(names)}, sizeof {names[1]}}}")
    return [*lines, "static const struct { void *now; const void *before, *after, *calibrated; size_t bytes; } "
            "golden_state[] = {", ",\n".join(table), "};"]  # fmt: skip


def floats(name: str, array: np.ndarray) -> str:
    """A constant array of float or double, images or rows in one dimension of their own."""
    kind, suffix = ("double", "") if array.dtype == np.float64 else ("float", "f")
    return _array(kind, name, array, [f"{number.hex()}{suffix}" for number in array.ravel().tolist()])


def integers(name: str, array: np.ndarray) -> str:
    """The same of bytes."""
    return _array("uint8_t", name, array, list(map(str, array.ravel().tolist())))


def _array(kind: str, name: str, array: np.ndarray, numbers: list[str]) -> str:
    size = f"[{len(array)}]" + (f"[{array[0].size}]" if array.ndim > 1 else "")
    width = array[0].size if array.ndim > 1 else len(array)
    rows = [", ".join(numbers[i : i + width]) for i in range(0, len(numbers), width)]
    body = ",\n".join("{" + row + "}" for row in rows) if array.ndim > 1 else ",".join(rows)
    return f"static const {kind} {name}{size} = {{{body}}};"
