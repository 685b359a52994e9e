"""`rram export`: a trained network becomes a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from host_tools import console
from host_tools.data.options import data_options, load_from_options
from host_tools.errors import HostError
from host_tools.importers.options import pixels_option
from host_tools.mapping.options import VALUE_BITS


@click.command(name="export", context_settings={"max_content_width": 110})
@click.argument("network", metavar="NETWORK", type=click.Path(path_type=Path))
@click.option(
    "--profile", required=True, metavar="NAME|FILE", help="Noise profile: a preset (rram profile list) or a JSON file."
)
@data_options
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    callback=console.writable,
    help="Bundle to write.",
)
@click.option("--ideal", metavar="FILE", type=click.Path(path_type=Path),
              help="Ideal network to send along [the teacher on record].")
@click.option("--macro", metavar="NAME|FILE", type=click.Path(path_type=Path),
              help="Preset or JSON [128 x 128 pairs, 8-bit DAC, ADC].")
@click.option("--sram", default=2.34, metavar="PERCENT", help="Values, gains, offsets, % of weights [2.34].")
@click.option("--area", type=float, metavar="PERCENT", help="Instead: the correction's area, % of the macros'.")
@click.option("--value-bits", default="32", metavar="BITS", type=VALUE_BITS,
              help="SRAM values: codes of so many bits, or float32 [32].")
@click.option("--mask", default="fisher-variance", metavar="CRITERION",
              help="Where values go: fisher-variance, fisher, gradient-weight, magnitude, random, none [the first].")
@click.option("--correction", "kind", default="sparse", metavar="KIND",
              type=click.Choice(["sparse", "low-rank", "both"]),
              help="What takes that SRAM: sparse values, low-rank, both [sparse].")
@click.option("--vectors", default=64, metavar="N", type=click.IntRange(1, 4096),
              help="Calibration images to send along [64].")
@click.option("--clip", default=2.5, metavar="SD", type=click.FloatRange(0, min_open=True),
              help="Plain networks: the highest level, in sd of weights [2.5].")
@click.option("--aging", is_flag=True, help="Cells age on the board: drift, read disturb.")
@pixels_option
@console.common_options
def command(network: Path, profile: str, data: str, data_dir: str | None, output: Path, ideal: Path | None,
            macro: Path | None, sram: float, area: float | None, value_bits: str, mask: str, kind: str, vectors: int,
            clip: float, aging: bool, pixels: tuple[float, float] | None, seed: int,
            json_file: str | None) -> None:  # fmt: skip
    """Map a network on differential pairs and write the bundle that a board runs.

    NETWORK is a .keras file of rram or of your own, a .tflite or an .onnx file. What the board does not carry is
    named, layer by layer, before any work is done.

    \b
    Example: rram export student.keras --profile charan-65nm --data mnist -o lenet5.rram.safetensors
    """
    from device_models.macro import MacroConfig
    from device_models.profile import DeviceProfile
    from host_tools.export import STAGES, ExportOptions, export_bundle
    from host_tools.importers import load
    from host_tools.inspect import summary
    from host_tools.mapping.mask import MaskChoice
    from host_tools.record import record_of, sha256, teacher_of

    options = ExportOptions(
        MacroConfig.load(macro) if macro else MacroConfig(),
        MaskChoice(mask, sram, seed=seed, area_percent=area, value_bits=int(value_bits)), vectors, clip, seed,
        kind,  # type: ignore[arg-type]  # one of click's choice
        aging,
    )  # fmt: skip
    if not output.name.endswith(".safetensors"):
        raise HostError(f"-o: {output} does not end in .safetensors")
    device, dataset, record = DeviceProfile.load(profile), load_from_options(data, data_dir), record_of(network)
    trained_for = record.get("profile")
    if trained_for not in (None, device.name):
        console.say(f"note: {network} was trained for {trained_for}, and is exported for {device.name}")
    reference = ideal or teacher_of(network, record)
    provenance: dict[str, Any] = {"network": {"file": network.name, "sha256": sha256(network), "record": record},
                                  "ideal": {"file": reference.name, "sha256": sha256(reference)}}  # fmt: skip
    with console.progress("exporting", STAGES) as bar:
        model = load(network, pixels)
        _tell_levels(network, model, device.n_levels)
        digital = model if reference == network else load(reference)
        bundle = export_bundle(
            output, model, digital, device, dataset, options, provenance, lambda stage: bar.advance(1, stage)
        )
    result = summary(bundle)
    console.say(
        f"{output}: {output.stat().st_size:,} bytes, {result['cells']:,} cells on {result['tiles']} tiles,"
        f" SRAM {result['sram']['percent']:.2f} % ({result['sram']['bytes']:,} bytes); ideal network: {reference.name}"
    )
    given = f"--data {data}" + ("" if data_dir is None else f" --data-dir {data_dir}")
    console.say(f"next: rram study {output} {given} --chips 5")
    console.emit_json({"file": str(output), **result}, json_file)


def _tell_levels(network: Path, model: Any, levels: int) -> None:
    """A word where a student was trained for more levels than the profile has."""
    own = max((layer.table.levels for layer in model.layers if hasattr(layer, "table")), default=0)
    if own > levels:
        text = f"was trained for {own} levels, the profile has {levels}: weights go to the nearest"
        console.say(f"note: {network} {text}")
