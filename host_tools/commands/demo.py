"""`rram demo`: the whole way in one go."""

from __future__ import annotations

import time
from pathlib import Path

import click

from host_tools import console


@click.command(name="demo", context_settings={"max_content_width": 110})
@click.option("-o", "--output", default="rram-demo", show_default=True, metavar="DIR", type=click.Path(path_type=Path),
              help="Folder for the networks, the bundle and the picture.")
@click.option("--chip-seed", default=0, show_default=True, metavar="N",
              type=click.IntRange(0, 2**64 - 1),
              help="Which chip: one draw of all its cells.")
@click.option("--shift", default="affine:0.3,0.5", show_default=True, metavar="KIND",
              help="What happens to the sensor.")
@click.option("--engine", default="auto", type=click.Choice(["auto", "c", "numpy"]), show_default=True,
              help="What computes.")
@click.option("--retrain", is_flag=True, help="Take no trained network that comes with the package. Takes minutes.")
@console.common_options
def command(output: Path, chip_seed: int, shift: str, engine: str, retrain: bool, seed: int,
            json_file: str | None) -> None:  # fmt: skip
    """Export a trained student, make a chip, calibrate it without labels, adapt it on a stream; on digits, no download.

    \b
    Example: rram demo --chip-seed 3 -o demo3
    """
    from firmware_py import c_engine
    from host_tools.errors import HostError
    from host_tools.shift import Shift

    change = Shift.parse(shift)
    if output.exists() and not output.is_dir():
        raise HostError(f"-o: {output} is not a folder")
    if engine == "c":
        c_engine.core()  # refuses now, not after the training
    output.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    console.say("starting (TensorFlow takes some seconds to load)")
    from host_tools import demo
    from host_tools.data import load

    options = demo.DemoOptions(output, chip_seed, seed, change, engine=engine, retrain=retrain)
    data = load("digits")
    bundle, plain = demo.make_bundles(data, options)
    result = demo.run_stream(data, bundle, plain, options)
    picture = output / "stream.png"
    demo.plot(picture, result, change)
    rows = [[name, *(f"{value:.1f} %" for value in values)] for name, *values in demo.summary(result)]
    console.table(
        f"chip {chip_seed}, {result.engine} engine: {len(data.y_test)} images,"
        f" the sensor changes after {result.change} ({change})",
        ["", "before the change", "just after it", "last half"], rows,
    )  # fmt: skip
    if result.engine == "numpy" and engine == "auto":
        console.say("note: NumPy engine; the C core is not built here (it needs a C compiler and Python's headers)")
    console.say(f"calibration took {result.calibration_s:.2f} s and no label; SRAM {result.sram_percent:.2f} %"
                f" of the weights ({result.sram_bytes:,} bytes);"
                f" RRAM cells written: {result.cells_written} of {result.cells:,}")
    console.say(f"picture: {picture}; all of it took {time.monotonic() - start:.0f} s")
    console.say(f"next: ./run rram study {bundle} --data digits --chips 10 --plot chips.png"
                "   (ten chips instead of one)")
    console.emit_json(
        {"tracks": [{"name": name, "before": before, "after": after, "last_half": last}
                    for name, before, after, last in demo.summary(result)],
         "change": result.change, "cells": result.cells, "cells_written": result.cells_written, "engine": result.engine,
         "sram_percent": result.sram_percent, "sram_bytes": result.sram_bytes, "bundle": str(bundle),
         "picture": str(picture)},
        json_file,
    )  # fmt: skip
