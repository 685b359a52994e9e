"""`rram integer reorder`: which rows of the last layer are read together."""

from __future__ import annotations

from pathlib import Path

import click

from host_tools import console
from host_tools.data.options import data_options, load_from_options


@click.command(name="reorder", context_settings={"max_content_width": 110})
@click.argument("network", metavar="NETWORK.keras", type=click.Path(path_type=Path))
@data_options
@click.option("--profile", default="techA", show_default=True, metavar="NAME|FILE",
              help="Cells: its lowest and highest level.")
@click.option("--rows-active", default=4, show_default=True, type=click.IntRange(1), help="Rows of one conversion.")
@click.option("--adc-bits", default=5, show_default=True, type=click.IntRange(2, 16), help="One code is one cell.")
@click.option("--current", "currents", multiple=True, default=(0.2,), show_default=True, type=click.FloatRange(0),
              help="Noise of a bit line over its current (assumed); again for more.")
@click.option("--chips", default=50, show_default=True, type=click.IntRange(2), help="Number of chips.")
@click.option("--images", type=click.IntRange(1), help="At most so many test images [default: all].")
@click.option("--plot", metavar="FILE.png", type=click.Path(path_type=Path), callback=console.writable,
              help="Rows open at once, and the error.")
@console.common_options
def command(network: Path, data: str, data_dir: str | None, profile: str, rows_active: int, adc_bits: int,
            currents: tuple[float, ...], chips: int, images: int | None, plot: Path | None, seed: int,
            json_file: str | None) -> None:  # fmt: skip
    """Order the rows of the last layer so that rows that hurt each other are read apart, and measure what it saves.

    The order is chosen on validation images. The error is the root mean square over test images and columns of what
    noise changes in the last layer's integer sums, behind the ADC, chip by chip on the same cells.

    \b
    Example: rram integer reorder integer.keras --data digits --current 0.1 --current 0.2
    """
    from device_models.profile import DeviceProfile
    from host_tools.integer.fold import integer_network
    from host_tools.integer.orders import ReorderSetting, orders_of, study
    from host_tools.integer.report import reorder_table
    from host_tools.record import load_model

    dataset, device = load_from_options(data, data_dir), DeviceProfile.load(profile)
    arrays = integer_network(load_model(network))
    setting = ReorderSetting(device, rows_active, adc_bits, currents, chips, images, seed)
    with console.progress("measuring chips", len(currents) * chips) as bar:
        orders = orders_of(arrays, dataset, setting)
        results = study(arrays, dataset, orders, setting, bar.advance)
    reorder_table(f"{network.name}, last layer, {device.name}, {rows_active} rows at once, {chips} chips", results)
    if plot:
        from host_tools.plots.integer_reorder import figure

        figure(results, f"{network.name}, {data}, {device.name}, {chips} chips").savefig(plot, dpi=110)
    console.emit_json({
        "network": str(network), "profile": device.name, "rows_active": rows_active, "adc_bits": adc_bits,
        "chips": chips, "order": orders["reordered"].tolist(), "results": [r.as_json() for r in results],
    }, json_file)  # fmt: skip
