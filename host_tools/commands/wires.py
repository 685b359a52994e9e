"""`rram wires`: what the resistance of the wires does to a crossbar, exactly and by the fast form."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from host_tools import console
from host_tools.errors import HostError

if TYPE_CHECKING:
    from device_models.array.wires import Wires
    from device_models.array.wires.wires import F64
    from device_models.profile import DeviceProfile

VECTORS = 8  # random inputs whose outputs are compared
MOST_LINES = 1024
SIZES = (16, 32, 64, 128, 256)


@click.command(context_settings={"max_content_width": 110})
@click.option("--rows", default=128, show_default=True, help=f"Word lines, 2 to {MOST_LINES}.")
@click.option("--cols", default=128, show_default=True, help=f"Bit lines, 2 to {MOST_LINES}.")
@click.option("--wire-ohm", default=1.0, show_default=True, help="Resistance of a segment, from cell to cell.")
@click.option("--bit-ohm", type=float, help="That of the bit lines, where it differs.")
@click.option("--profile", default="charan-65nm", show_default=True, metavar="NAME|FILE", help="Whose cells.")
@click.option("--plot", metavar="FILE.png", type=click.Path(path_type=Path), callback=console.writable,
              help="Voltage over each cell, and error against size.")
@console.common_options
def command(rows: int, cols: int, wire_ohm: float, bit_ohm: float | None, profile: str, plot: Path | None,
            seed: int, json_file: str | None) -> None:  # fmt: skip
    """Solve a crossbar with resistive wires, and say what leaving them out or approximating them gets wrong.

    Cells of random levels are programmed as on chip --seed; inputs are random, uniform from 0 to full scale. Word
    lines are driven from the left, bit lines sensed below, at 0 V.

    \b
    Example: rram wires --rows 256 --cols 256 --wire-ohm 1 --plot wires.png
    """
    from device_models.array.wires import Wires
    from device_models.array.wires.compare import method_errors
    from device_models.profile import DeviceProfile

    for key, value in (("--rows", rows), ("--cols", cols)):
        if not 2 <= value <= MOST_LINES:
            raise HostError(f"{key}: {value} is not 2 to {MOST_LINES}")
    wires = Wires(wire_ohm, wire_ohm if bit_ohm is None else bit_ohm)
    document = DeviceProfile.load(profile)
    cells, inputs = draw(document, rows, cols, seed)
    taken, errors = method_errors(cells, inputs, wires)
    result: dict[str, Any] = {
        "profile": document.name, "rows": rows, "cols": cols, "word_ohm": wires.word_ohm, "bit_ohm": wires.bit_ohm,
        "seed": seed, "vectors": VECTORS, "taken_by_wires_percent": taken, "seconds": times(cells, inputs, wires),
        "methods": [vars(error) for error in errors], "sizes": by_size(document, wires, max(rows, cols), seed),
    }  # fmt: skip
    _show(result)
    if plot is not None:
        _draw(cells, wires, result, plot)
    console.emit_json(result, json_file)


def draw(profile: DeviceProfile, rows: int, cols: int, seed: int) -> tuple[F64, F64]:
    """Cells [rows, cols] in uS, levels at random, as chip `seed` programs them; inputs [VECTORS, rows], 0 to 1."""
    import numpy as np

    from device_models.compile import compile_profile
    from device_models.draws import draw_cells

    rng = np.random.Generator(np.random.Philox(key=seed))
    levels = rng.integers(0, profile.n_levels, (rows, cols), dtype=np.uint8)
    cells = draw_cells(compile_profile(profile), levels, seed, layer=0).uS
    return np.asarray(cells, np.float64), rng.random((VECTORS, rows))


def by_size(profile: DeviceProfile, wires: Wires, largest: int, seed: int) -> list[dict[str, Any]]:
    """Errors of each method on square arrays up to `largest` lines: [{size, taken_percent, errors: {method: %}}]."""
    from device_models.array.wires.compare import method_errors

    found = []
    for size in (n for n in SIZES if n <= max(largest, SIZES[1])):
        taken, errors = method_errors(*draw(profile, size, size, seed), wires)
        found.append({"size": size, "taken_percent": taken, "errors": {e.method: e.columns_percent for e in errors}})
    return found


def times(cells: F64, inputs: F64, wires: Wires) -> dict[str, float]:
    """Seconds: one exact vector; the fast form, which serves every input."""
    from device_models.array.wires import fast_conductance, node_voltages

    def seconds(function: Any, *arguments: Any) -> float:
        start = time.perf_counter()
        function(*arguments)
        return time.perf_counter() - start

    return {"exact_vector": min(seconds(node_voltages, cells, inputs[:1], wires) for _ in range(2)),
            "fast_form": seconds(fast_conductance, cells, wires)}


def _show(result: dict[str, Any]) -> None:
    wire = _wire(result)
    console.table(
        f"{result['rows']} x {result['cols']} cells of {result['profile']}, {wire}: the wires take "
        f"{result['taken_by_wires_percent']:.3g} % of the output; errors against the exact solution, in %",
        ["method", "columns", "pairs of columns", "worst column"],
        [[m["method"], *(_short(m[f"{key}_percent"]) for key in ("columns", "pairs", "worst"))]
         for m in result["methods"]],
    )  # fmt: skip
    names = list(result["sizes"][0]["errors"])
    console.table(
        f"Error of the columns in % by size, {wire}", ["rows = columns", "taken by the wires", *names],
        [[str(row["size"]), f"{row['taken_percent']:.3g}", *(_short(row["errors"][name]) for name in names)]
         for row in result["sizes"]],
    )  # fmt: skip
    seconds = result["seconds"]
    console.say(f"One input exactly: {1e3 * seconds['exact_vector']:.1f} ms. The fast form, for every input: "
                f"{1e3 * seconds['fast_form']:.1f} ms.")


def _draw(cells: F64, wires: Wires, result: dict[str, Any], path: Path) -> None:
    import numpy as np

    from device_models.array.wires import node_voltages
    from host_tools.plots.wires import wires_figure

    found = node_voltages(cells, np.ones((1, len(cells))), wires)
    cell_V = (found.word_V - found.bit_V)[0]
    error = {m["method"]: m["columns_percent"] for m in result["methods"]}
    title = (f"{_wire(result)}: the farthest cell sees {cell_V[0, -1]:.2f} V of 1 V; leaving the wires out costs "
             f"{_short(error['no wires'])} %, the fast form {error['attenuation + sneak paths']:.1g} %")
    wires_figure(cell_V, result["sizes"], title, _wire(result)).savefig(path)
    console.say(f"figure: {path}")


def _short(percent: float) -> str:
    return f"{percent:.0f}" if percent >= 100 else f"{percent:.2g}"


def _wire(result: dict[str, Any]) -> str:
    word, bit = result["word_ohm"], result["bit_ohm"]
    return f"{word:g} ohm a segment" if word == bit else f"{word:g} and {bit:g} ohm a segment of word and bit line"
