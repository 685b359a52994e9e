"""`rram zoo`: the trained networks that come with the package."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import click

from host_tools import console
from host_tools.data.options import data_options


@click.group(name="zoo", invoke_without_command=True, context_settings={"max_content_width": 110})
@console.common_options
@click.pass_context
def command(context: click.Context, seed: int, json_file: str | None) -> None:
    """List the trained networks that come with the package, what their training printed, and what became of them.

    \b
    Example: rram zoo
    Example: rram zoo copy digits-student -o student.keras
    """
    if context.invoked_subcommand is not None:
        return
    from host_tools.training.shipped import shipped

    found = list(shipped())
    lines = []
    for one in found:
        figures, record = one.figures, one.record
        row = one.reproduced or {"mean": None, "std": None, "least": None}
        lines.append([one.name, record.get("profile", ""), str(record.get("masked") or ""),
                      _told(figures["validation"]),
                      _told(figures["chips_mean"], figures["chips_std"], figures["chips_min"]),
                      _told(row["mean"], row["std"], row["least"])])  # fmt: skip
    console.table("networks of the package; per cent of validation, in the last column of test images (lowest chip)",
                  ["name", "trained for", "exact weights", "clean", "8 chips, no help", "as it is meant"], lines)
    console.say("as it is meant: ideal networks digital, students on 50 chips with the help that they know "
                "(rram reproduce charan, docs/reproduction.md)")  # fmt: skip
    console.emit_json({"networks": [{"name": one.name, "file": str(one.path), **one.figures,
                                     "reproduced": one.reproduced, "record": one.record}
                                    for one in found]}, json_file)  # fmt: skip


def _told(mean: float | None, std: float | None = None, least: float | None = None) -> str:
    """An accuracy for the table, with its spread where there is one."""
    spread = "" if std is None else f" ± {std:.2f} ({least:.2f})"
    return "" if mean is None else f"{mean:.2f}{spread}"


@command.command(name="copy")
@click.argument("name", metavar="NAME")
@click.option("-o", "--output", required=True, metavar="FILE.keras", type=click.Path(path_type=Path),
              callback=console.writable, help="File to write; a student's teacher comes to lie beside it.")  # fmt: skip
@console.common_options
def copy(name: str, output: Path, seed: int, json_file: str | None) -> None:
    """Copy a network of the package, for rram export, study, distill or your own training.

    \b
    Example: rram zoo copy mnist-lenet5-student -o student.keras
    """
    from host_tools.errors import HostError
    from host_tools.record import check_output, sha256
    from host_tools.training.shipped import find

    check_output(output)
    one = find(name)
    teacher = one.record.get("teacher")
    if teacher:
        beside, source = output.parent / teacher["file"], one.path.parent / teacher["file"]
        if not (beside.exists() and sha256(beside) == teacher["sha256"]):
            if beside.exists():
                raise HostError(f"-o: {beside} is another file than this student's teacher, and is kept")
            shutil.copyfile(source, beside)
            console.say(f"{beside}: its teacher")
    shutil.copyfile(one.path, output)
    record = one.record
    console.say(f"{output}: {record['model']}, {record['kind']} on {record['data']}")
    if record.get("profile"):
        console.say(f"next: rram export {output} --profile {record['profile']} --data {record['data']} "
                    "-o network.rram.safetensors")  # fmt: skip
    console.emit_json({"file": str(output), "name": name, "record": record}, json_file)


@command.command(name="ship", hidden=True)
@click.argument("recipe", metavar="RECIPE")
@partial(data_options, required=False)
@click.option("--cache", metavar="DIR", type=click.Path(path_type=Path), help="Where trained networks are kept.")
@console.common_options
def ship(recipe: str, data: str | None, data_dir: str | None, cache: Path | None, seed: int,
         json_file: str | None) -> None:  # fmt: skip
    """For maintainers: put a recipe's networks into the package, trained now where the cache has none of them."""
    from host_tools.data import load
    from host_tools.study.prepare import default_cache, workshop
    from host_tools.training import recipes, shipped

    chosen = recipes.get(recipe)
    shop = workshop(chosen, load(data or chosen.data, data_dir), seed, cache or default_cache())
    paths = shipped.ship(shop)
    for path in paths:
        console.say(f"{path.name}: {path.stat().st_size:,} bytes")
    console.emit_json({"files": [str(path) for path in paths]}, json_file)


@command.command(name="figures", hidden=True)
@click.argument("results", nargs=-1, required=True, metavar="FILE.json...", type=click.Path(path_type=Path))
@console.common_options
def figures(results: tuple[Path, ...], seed: int, json_file: str | None) -> None:
    """For maintainers: put the rows of `rram reproduce --json` into the package, beside the networks that they show."""
    import json

    from host_tools.reproduce.measured_before import claims_from
    from host_tools.reproduce.shown import shown
    from host_tools.training.shipped import REPRODUCED

    rows = shown(claims_from(results, quick=False, seed=seed))
    REPRODUCED.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    console.say(f"{REPRODUCED.name}: {len(rows)} networks")
    console.emit_json(rows, json_file)
