"""`rram integer export`: a trained integer network becomes a bundle."""

from __future__ import annotations

from pathlib import Path

import click

from host_tools import console
from host_tools.data.options import data_options, load_from_options


@click.command(name="export", context_settings={"max_content_width": 110})
@click.argument("network", metavar="NETWORK.keras", type=click.Path(path_type=Path))
@data_options
@click.option("-o", "--output", required=True, metavar="FILE", type=click.Path(path_type=Path),
              callback=console.writable, help="Bundle to write.")
@click.option("--profile", default="weinstock-40nm", show_default=True, metavar="NAME|FILE", help="Noise profile.")
@click.option("--macro", default="weinstock-40nm", show_default=True, metavar="NAME|FILE", help="Macro.")
@click.option("--rows-active", type=click.IntRange(1), help="Rows of one conversion [default: the macro's].")
@click.option("--adc-bits", type=click.IntRange(1, 16), help="[default: the macro's].")
@click.option("--rows", default="as-is", show_default=True, type=click.Choice(["as-is", "renamed", "reordered"]),
              help="Equal rows of dense layers shared, or the last layer's in the best order.")
@click.option("--ideal", metavar="FILE.keras", type=click.Path(path_type=Path), help="Ideal network to send along.")
@console.common_options
def command(network: Path, data: str, data_dir: str | None, output: Path, profile: str, macro: str,
            rows_active: int | None, adc_bits: int | None, rows: str, ideal: Path | None, seed: int,
            json_file: str | None) -> None:  # fmt: skip
    """Write an integer network as a bundle. An ADC code stands for whole cells; what that loses is printed.

    \b
    Example: rram integer export integer.keras --data digits --rows-active 4 -o integer.rram.safetensors
    """
    from device_models.macro import MacroConfig
    from device_models.profile import DeviceProfile
    from host_tools.data import scaled
    from host_tools.integer.adc import loss_report
    from host_tools.integer.bundle import export_integer
    from host_tools.integer.fold import integer_network
    from host_tools.integer.rows import best_order, rename_rows, reorder_rows
    from host_tools.mapping.rows.cost import RowNoise
    from host_tools.record import load_model, read_record, sha256

    dataset, device, circuit = load_from_options(data, data_dir), DeviceProfile.load(profile), MacroConfig.load(macro)
    given = {"rows_active": rows_active, "adc_bits": adc_bits}
    document = circuit.model_dump(exclude_none=True) | {k: v for k, v in given.items() if v is not None}
    circuit = MacroConfig.from_dict(document)
    arrays = integer_network(load_model(network))
    _, held_out, labels = dataset.validation()
    if rows == "renamed":
        arrays = rename_rows(arrays)
    elif rows == "reordered":
        off = RowNoise.of(device, 0.0).off
        arrays = reorder_rows(arrays, best_order(arrays, held_out, circuit.rows_active, off, seed))
    flatbuffer = b""
    if ideal:
        from host_tools.tflite import to_tflite

        flatbuffer = to_tflite(load_model(ideal), scaled(held_out))
    provenance = {"network": {"file": network.name, "sha256": sha256(network), "record": read_record(network)},
                  "rows": rows}  # fmt: skip
    bundle, adc = export_integer(output, arrays, device, circuit, dataset, provenance, flatbuffer)
    report = loss_report(arrays, adc, held_out, labels)
    console.table(
        f"{output.name}: {circuit.rows_active} rows at once, ADC of {circuit.adc_bits} bits",
        ["layer", "rows", "columns", "cells per ADC code", "rms error of sums"],
        [[r["layer"], str(r["rows"]), str(r["columns"]), str(r["cells_per_code"]), f"{r['rms']:.3f}"]
         for r in report["layers"]],
    )  # fmt: skip
    console.say(
        f"{output}: {output.stat().st_size:,} bytes; on {report['images']:,} validation images"
        f" {report['accuracy_exact']:.2f} % with exact sums, {report['accuracy']:.2f} % with this ADC"
    )
    console.emit_json({"file": str(output), "digest": bundle.digest, **report}, json_file)
