"""`rram stream`: a data set as a stream of labelled images, for `rram-edge adapt`."""

from __future__ import annotations

import os
import sys

import click

from host_tools import console
from host_tools.data.options import data_options, load_from_options


@click.command(name="stream", context_settings={"max_content_width": 110})
@data_options
@click.option("--to", "target", default="-", show_default=True, metavar="WHERE",
              help="'-' (standard output), FILE, or tcp://host:port (listens, serves the first client).")
@click.option("--split", type=click.Choice(["test", "train"]), default="test", show_default=True,
              help="Part to stream.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Images [default: all].")
@click.option("--rate", type=click.FloatRange(0, min_open=True), metavar="R",
              help="Images a second [default: no limit].")
@click.option("--shift", metavar="SHIFT", help="Change of the sensor: affine:SCALE,OFFSET is x -> SCALE x + OFFSET.")
@click.option("--shift-after", type=click.IntRange(0), default=0, show_default=True, metavar="N",
              help="Images before that change.")
@click.option("--label-delay", type=click.IntRange(0), default=0, show_default=True, metavar="N",
              help="Images between an image and its label.")
@click.option("--label-share", type=click.FloatRange(0, 1), default=1.0, show_default=True, metavar="P",
              help="Share of the images that get a label.")
@click.option("--shuffle/--no-shuffle", default=True, show_default=True,
              help="Order: drawn from --seed, or the data set's.")
@console.common_options
def command(data: str, data_dir: str | None, target: str, split: str, limit: int | None, rate: float | None,
            shift: str | None, shift_after: int, label_delay: int, label_share: float, shuffle: bool, seed: int,
            json_file: str | None) -> None:
    """Send a data set as a stream of images and labels: lines of JSON (docs/stream.md).

    \b
    Examples: rram stream --data mnist --limit 2000 | rram-edge adapt lenet5.rram.safetensors --stream -
              rram stream --data mnist --to tcp://0.0.0.0:5000 --shift affine:0.5,0.4 --shift-after 1000
    """
    from host_tools import sender
    from host_tools.errors import HostError
    from host_tools.shift import Shift

    if target == "-" and json_file == "-":
        raise HostError("--json -: the stream goes to standard output, expected a file here, or another --to")
    change = Shift.parse(shift) if shift else None
    plan = sender.StreamPlan(limit, change, shift_after, label_delay, label_share, shuffle, seed)
    dataset = load_from_options(data, data_dir)
    x, y = (dataset.x_test, dataset.y_test) if split == "test" else (dataset.x_train, dataset.y_train)
    images = labels = 0
    total = min(limit or len(x), len(x))
    with sender.open_target(target, console.say) as send, console.progress("streaming", total) as bar:
        try:
            for line, more_images, more_labels in sender.paced(sender.lines(x, y, plan), rate):
                send(line)
                images, labels = images + more_images, labels + more_labels
                bar.advance(more_images)
        except (BrokenPipeError, ConnectionResetError):
            console.say("the reader closed the stream")
            if target == "-":  # or Python complains when it flushes at exit
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    console.say(f"{target}: {images} images, {labels} labels sent")
    console.emit_json({"target": target, "images": images, "labels": labels}, json_file)
