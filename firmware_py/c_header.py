"""A chip as a C header: the network as constant arrays, for programs that run without Python and without files.

    rram-edge c-header BUNDLE -o net.h

The header says what firmware_py.c_engine tells the core, field by field, so it follows rram_core.h by itself. Cells are
not in it: the program draws them from the seed, as every engine does.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_py.c_engine import CEngine, core
from firmware_py.chip import Chip
from firmware_py.errors import RramError

# what rram_learn changes; all other arrays are constants
LEARNED = ("gain", "offset", "value", "low_a", "low_b", "ms", "velocity", "covariance")


def write_header(path: str | Path, chip: Chip, name: str = "net", vectors: int = 0) -> dict[str, int]:
    """Write the header of a chip of the C engine, its correction as it is now; returns bytes of arrays and arena.

    vectors: so many of the bundle's calibration vectors go with it. RramError: `name` is no name in C, another engine's
    chip, or more vectors than the bundle has.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", name):
        raise RramError(f"c-header: name: {name!r} given, expected small letters, digits and _, a letter first")
    if not isinstance(chip.engine, CEngine):
        raise RramError(f"c-header: a chip on the {chip.engine.name} engine given, expected the C engine")
    stored = chip.bundle.calibration_x
    if not 0 <= vectors <= len(stored):
        raise RramError(f"c-header: {vectors} vectors asked, expected 0 to {len(stored)}, which the bundle has")
    writer = _Writer(chip.engine, name)
    description = writer.struct("rram_desc", chip.engine.description[0], name)
    if vectors:
        writer.images(np.ascontiguousarray(stored[:vectors]), f"{name}_vectors")
    arrays = "\n".join(writer.lines)
    end = f"static const rram_desc {name}_desc =\n    {description};\n\n#endif\n"
    Path(path).write_text(f"{_top(chip, chip.engine, name, vectors)}\n{arrays}\n{end}", encoding="ascii")
    return {"data_bytes": writer.data_bytes, "arena_bytes": chip.engine.arena_bytes}


def _top(chip: Chip, engine: CEngine, name: str, vectors: int) -> str:
    """Guard, sizes, class names."""
    bundle, big = chip.bundle, name.upper()
    most, least = engine.calibration_bytes()
    classes = ", ".join(_text(label) for label in bundle.classes)
    image = " x ".join(map(str, bundle.input_shape))
    return f"""\
/* Chip {chip.seed} of a bundle with digest {bundle.digest[:16]}, written by rram-edge c-header.
 * {name}_desc goes to rram_arena_size() and rram_init(); images are {image}, float in [0, 1] or bytes. */
#ifndef {big}_H
#define {big}_H

#include "rram_core.h"

#define {big}_INPUTS {int(np.prod(bundle.input_shape))}
#define {big}_CLASSES {len(bundle.classes)}
#define {big}_ARENA_BYTES {engine.arena_bytes} /* enough where pointers have 64 bits or fewer */
#define {big}_CALIBRATE_BYTES {most} /* of kind RRAM_FULL, one pass a layer; 0: not calibrated in C */
#define {big}_CALIBRATE_LEAST {least} /* with which it works, in more passes */
#define {big}_VECTORS {vectors} /* of {name}_vectors, to calibrate on */
#define {big}_READ {chip.correction.read}u /* read counter of the next image; rises by one with each */

static const char *const {name}_classes[{big}_CLASSES] = {{{classes}}};
"""


def _text(text: str) -> str:
    """A string of C; what is not plain ASCII as octal bytes of UTF-8, which no following character can prolong."""
    plain = (chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in text.encode())
    return '"' + "".join(plain) + '"'


class _Writer:
    """Collects the arrays that a struct points to while the struct itself is put into words."""

    def __init__(self, engine: CEngine, name: str) -> None:
        self.ffi = core().ffi
        self.arrays, self.name = engine.arrays, name
        self.lines: list[str] = []
        self.data_bytes = 0

    def struct(self, kind: str, value: Any, prefix: str, constant: bool = False) -> str:
        """A struct's initialiser; fields that are zero are left out, as C has them zero then.

        `constant`: none of its arrays is what learning changes, whatever their names.
        """
        parts = []
        for field, about in self.ffi.typeof(kind).fields:
            member = getattr(value, field)
            if field == "nodes":
                said = self.nodes(member, int(value.node_count))
            elif about.type.kind == "pointer" and about.type.item.kind == "struct":
                said = self.record(member, about.type.item.cname, f"{prefix}_{field}")
            elif about.type.kind == "pointer":
                said = self.pointer(member, field in LEARNED and not constant, about.type.item.cname,
                                    f"{prefix}_{field}")  # fmt: skip
            elif about.type.kind == "array":
                said = "{" + ", ".join(f"{int(number)}u" for number in member) + "}"
            else:
                said = _number(member, about.type.cname)
            if said:
                parts.append(f".{field} = {said}")
        text = ", ".join(parts)
        return "{" + textwrap.fill(text, 110, subsequent_indent="     ", break_on_hyphens=False) + "}"

    def nodes(self, nodes: Any, count: int) -> str:
        """The array of nodes; its name."""
        said = ",\n".join("    " + self.struct("rram_node", nodes[i], f"{self.name}_{i}") for i in range(count))
        self.lines.append(f"static const rram_node {self.name}_nodes[{count}] = {{\n{said}}};")
        return f"{self.name}_nodes"

    def images(self, images: npt.NDArray[np.uint8], name: str) -> None:
        """Images of bytes, one in a row of the array."""
        flat = images.reshape(len(images), -1)
        rows = (",\n    ".join(", ".join(f"{byte}" for byte in row[i : i + 20]) for i in range(0, len(row), 20))
                for row in flat.tolist())  # fmt: skip
        body = "},\n    {".join(rows)
        self.lines.append(f"static const uint8_t {name}[{flat.shape[0]}][{flat.shape[1]}] = {{\n    {{{body}}}}};")
        self.data_bytes += flat.nbytes

    def record(self, pointer: Any, kind: str, name: str) -> str:
        """The struct behind a pointer; its address, nothing for NULL."""
        if pointer == self.ffi.NULL:
            return ""
        self.lines.append(f"static const {kind} {name} =\n    {self.struct(kind, pointer[0], name, constant=True)};")
        return f"&{name}"

    def pointer(self, pointer: Any, learned: bool, kind: str, name: str) -> str:
        """The array behind a pointer; its name, nothing for NULL."""
        if pointer == self.ffi.NULL:
            return ""
        array = self.arrays[int(self.ffi.cast("uintptr_t", pointer))]
        const = "" if learned else "const "
        body = ",\n    ".join(_rows(array, kind))
        self.lines.append(f"static {const}{kind} {name}[{array.size}] = {{\n    {body}}};")
        self.data_bytes += array.nbytes
        return name


def _rows(array: npt.NDArray[Any], kind: str) -> Iterator[str]:
    """Lines of numbers."""
    words = [_number(number, kind) or "0" for number in array.ravel().tolist()]
    per_line = 114 // (max(map(len, words)) + 2)
    for i in range(0, len(words), per_line):
        yield ", ".join(words[i : i + per_line])


def _number(number: float, kind: str) -> str:
    """A number of C, floats in hexadecimal: exact. Nothing for zero."""
    if kind in ("float", "double"):
        if number == 0 and not str(number).startswith("-"):
            return ""
        short = re.sub(r"\.?0*p", "p", float(number).hex())
        return short + ("f" if kind == "float" else "")
    if number and kind == "uint64_t":
        return f"UINT64_C({number})"
    return f"{number}{'u' if kind.startswith('uint32') else ''}" if number else ""
