"""`rram ablate`: what masks, sizes and kinds of correction are worth, on the same chips."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from host_tools import console
from host_tools.data.options import data_options, load_from_options
from host_tools.errors import HostError
from host_tools.mapping.options import VALUE_BITS

if TYPE_CHECKING:
    from host_tools.ablation.plans import Source
    from host_tools.ablation.variants import Variant
    from host_tools.data import Dataset

SIZES = "0.5,1,2.34,5,10"
FEWEST = 2  # chips that have a spread


@click.command(name="ablate", context_settings={"max_content_width": 110})
@click.argument("source", metavar="BUNDLE|MODEL.keras", type=click.Path(path_type=Path))
@click.option("--profile", metavar="NAME|FILE", help="With a model: the noise profile.")
@data_options
@click.option("--sizes", default=SIZES, show_default=True, help="Masks' sizes, per cent of the weights with a value.")
@click.option("--criteria", default="all", show_default=True, help="fisher-variance, fisher, gradient-weight,"
              " magnitude, random, fisher-deviation (reads each chip's cells out), or none of them.")  # fmt: skip
@click.option("--pair", is_flag=True, help="Importance at 2.34 % against RSA at 5 %, paired.")
@click.option("--area", type=float, metavar="PERCENT", help="Masks that fill so much of the macros' area.")
@click.option("--kinds", is_flag=True, help="Kinds of correction in equal SRAM.")
@click.option("--sram", default=2.34, show_default=True, help="With --kinds: numbers, per cent of weights.")
@click.option("--vectors", default="64", show_default=True, help="Calibration vectors; 10,64 with --kinds.")
@click.option("--value-bits", default="32", metavar="BITS", type=VALUE_BITS, show_default=True,
              help="SRAM values as codes, or float32.")  # fmt: skip
@click.option("--chips", default=10, show_default=True, type=click.IntRange(FEWEST, 100_000), help="Number of chips.")
@click.option("--images", type=click.IntRange(1), help="At most so many images [default: all].")
@click.option("--validate", is_flag=True, help="Judge by held-out training images.")
@click.option("--workers", type=click.IntRange(1), help="Processes side by side [default: one a core].")
@click.option("--plot", metavar="FILE.png", type=click.Path(path_type=Path), callback=console.writable,
              help="Accuracy against the mask's size.")  # fmt: skip
@console.common_options
def command(source: Path, profile: str | None, data: str, data_dir: str | None, sizes: str, criteria: str, pair: bool,
            area: float | None, kinds: bool, sram: float, vectors: str, value_bits: str, chips: int, images: int | None,
            validate: bool, workers: int | None, plot: Path | None, seed: int,
            json_file: str | None) -> None:  # fmt: skip
    """Compare masks of every criterion and size, and kinds of correction, on the same chips of one network.

    The student must know no mask: then the criterion alone decides. Every chip is calibrated without labels.

    \b
    Example: rram ablate lenet5.rram.safetensors --data mnist --chips 10 --plot masks.png
    Example: rram ablate lenet5.rram.safetensors --data mnist --criteria none --kinds --vectors 10,64
    """
    from host_tools.ablation import plans
    from host_tools.ablation.compare import paired
    from host_tools.ablation.run import measure

    percents = [_number(part, "--sizes", 0, 100) for part in sizes.split(",")]
    counts = [int(_number(part, "--vectors", 1, 100_000)) for part in vectors.split(",")]
    bits, names = int(value_bits), _criteria(criteria)
    if plot and not names:
        raise HostError("--plot: the figure shows criteria, --criteria none given")
    if not (names or pair or kinds or area is not None):
        raise HostError("ablate: --criteria none, and none of --pair, --area, --kinds: nothing to compare")
    dataset = load_from_options(data, data_dir)
    network = _source(source, profile, dataset, seed)
    variants = {}
    if names:
        variants["masks"] = plans.mask_variants(network, names, percents, counts[-1], bits)
    if pair:
        variants["pair"] = list(plans.pair_variants(network, counts[-1], bits))
    if area is not None:
        variants["area"] = plans.area_variants(network, area, counts[-1], bits)
    if kinds:
        variants["kinds"] = plans.kind_variants(network, sram, counts, bits)
    seeds = range(seed * chips, (seed + 1) * chips)
    bench = plans.bench_of(network, dataset, seeds, images, validate, max(counts))
    every = [variant for group in variants.values() for variant in group]
    with console.progress(f"{len(every)} variants on {chips} chips", chips) as bar:
        found = measure(bench, every, workers, lambda: bar.advance(1))
    judged = f"{len(bench.labels):,} {'held-out training' if validate else 'test'} images, {chips} chips"
    result: dict[str, Any] = {"source": source.name, "data": dataset.name, "judged_by": judged, "value_bits": bits,
                              "seed": seed}  # fmt: skip
    for group, members in variants.items():
        rows = [_row(network, variant, found[variant.name]) for variant in members]
        _show(f"{source.name}: {group}; {judged}, values of {bits} bits", rows)
        result[group] = rows
    if pair:
        a, b = variants["pair"]
        difference = paired(a.name, found[a.name], b.name, found[b.name], seed)
        console.say(str(difference))
        result["paired"] = vars(difference)
    if plot:
        from host_tools.plots.ablation import ablation_figure

        ablation_figure(result["masks"], f"{dataset.name}, {judged}").savefig(plot)
        console.say(f"figure: {plot}")
    console.emit_json(result, json_file)


def _source(path: Path, profile: str | None, data: Dataset, seed: int) -> Source:
    """A bundle, or a model that is exported first, to a folder that goes away."""
    import tempfile

    from device_models.profile import DeviceProfile
    from host_tools.ablation.plans import source_of

    if path.suffix == ".safetensors":
        if profile is not None:
            raise HostError("--profile: the bundle has its own, expected none")
        return source_of(path, data, seed)
    if profile is None:
        raise HostError(f"--profile: missing, {path} is no bundle (.safetensors)")
    from host_tools.export import ExportOptions, export_bundle
    from host_tools.mapping.mask import MaskChoice
    from host_tools.record import load_model

    device, model = DeviceProfile.load(profile), load_model(path)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"{path.stem}.rram.safetensors"
        export_bundle(made, model, model, device, data, ExportOptions(mask=MaskChoice("none"), seed=seed), {})
        return source_of(made, data, seed)


def _criteria(text: str) -> list[str]:
    from host_tools.ablation.plans import SHOWN

    names = list(SHOWN) if text == "all" else [] if text == "none" else text.split(",")
    for name in names:
        if name not in SHOWN:
            raise HostError(f"--criteria: {name!r} is not one of {', '.join(SHOWN)}, all, none")
    return names


def _number(text: str, option: str, least: float, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        raise HostError(f"{option}: {text!r} is not a number from {least:g} to {most:,}")
    return number


def _row(source: Source, variant: Variant, values: list[float]) -> dict[str, Any]:
    """Accuracy over chips and what the correction takes, as JSON types."""
    import numpy as np

    from host_tools.ablation.variants import apply, correction_bits

    bundle = apply(source.bundle, variant.masks, variant.value_bits, variant.ranks)
    entries = sum(int(mask.sum()) for mask in variant.masks) if variant.chosen is None else variant.chosen
    factors = sum(rank * (layer.k + layer.n) for rank, layer in zip(variant.ranks, bundle.layers, strict=False))
    numbers = entries + factors + (0 if variant.kind == "none" else 2 * source.columns)
    size = None if variant.chosen is not None else correction_bits(bundle)
    return {"variant": variant.name, "mean": float(np.mean(values)), "std": float(np.std(values, ddof=1)),
            "min": float(np.min(values)), "values": values, "mask_percent": 100 * entries / source.weights,
            "sram_percent": 100 * numbers / source.weights, "sram_bits": size, "ranks": list(variant.ranks),
            "vectors": variant.vectors if variant.kind != "none" else 0}  # fmt: skip


def _show(title: str, rows: list[dict[str, Any]]) -> None:
    lines = [[row["variant"], f"{row['mean']:.3f}", f"{row['std']:.3f}", f"{row['min']:.2f}",
              f"{row['mask_percent']:.2f}", f"{row['sram_percent']:.2f}",
              "per chip" if row["sram_bits"] is None else f"{row['sram_bits'] / 8:,.0f}",
              " ".join(map(str, row["ranks"]))] for row in rows]  # fmt: skip
    console.table(title, ["variant", "mean %", "sd", "lowest", "mask %", "SRAM %", "SRAM bytes", "ranks"], lines)
