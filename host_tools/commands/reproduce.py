"""`rram reproduce`: the four papers' claims, measured."""

from __future__ import annotations

from pathlib import Path

import click

from host_tools import console
from host_tools.device import device_option
from host_tools.errors import HostError

PAPERS = ("charan", "weinstock", "lv", "glukhov")


@click.command(name="reproduce", context_settings={"max_content_width": 110})
@click.argument("papers", metavar="[charan|weinstock|lv|glukhov|all]...", nargs=-1)
@click.option("--quick", is_flag=True, help="Minutes instead of hours: embedded data, few chips.")
@click.option("--data", "only", type=click.Choice(["mnist", "cifar10", "cifar10-w32"]),
              help="Only the rows on this data set; -w32: the network of twice the channels [all].")
@click.option("--data-dir", metavar="DIR", type=click.Path(), help="Folder with a folder a data set: mnist, cifar10.")
@click.option("--markdown", metavar="FILE.md", type=click.Path(path_type=Path), callback=console.writable,
              help="Write the table as a page.")  # fmt: skip
@click.option("--figures", metavar="DIR", type=click.Path(path_type=Path), help="Folder for the figures.")
@click.option("--cache", metavar="DIR", type=click.Path(path_type=Path), help="Where trained networks are kept.")
@click.option("--workers", metavar="N", type=click.IntRange(1), help="Processes side by side [one a core].")
@click.option("--retrain", is_flag=True, help="Take no trained network that comes with the package.")
@click.option("--fresh", is_flag=True, help="Measure again what is kept of an earlier or interrupted call.")
@click.option("--from", "known", metavar="FILE.json", multiple=True, type=click.Path(path_type=Path),
              help="Papers measured before (its --json); not measured again.")  # fmt: skip
@device_option
@console.common_options
def command(papers: tuple[str, ...], quick: bool, only: str | None, data_dir: str | None, markdown: Path | None,
            figures: Path | None, cache: Path | None, workers: int | None, retrain: bool, fresh: bool,
            known: tuple[Path, ...], seed: int, json_file: str | None) -> None:  # fmt: skip
    """Measure each paper's claims, beside the paper's numbers: value, spread, setting, verdict. After an
    interruption the same command goes on.

    \b
    Example: rram reproduce charan --quick
    """
    import tempfile
    from importlib import import_module

    from host_tools.reproduce.claim import Claim, Setting
    from host_tools.reproduce.measured_before import claims_from
    from host_tools.reproduce.report import markdown_page, print_claims
    from host_tools.study.prepare import default_cache

    chosen = _chosen(papers, quick, only)
    before = claims_from(known, quick, seed)
    if figures is not None:
        figures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        setting = Setting(quick, seed, figures or Path(scratch), cache or default_cache(), data_dir, workers,
                          retrain, console.say, only, fresh)  # fmt: skip
        found: list[Claim] = []
        try:
            for name in chosen:
                module = import_module(f"host_tools.reproduce.{name}")
                found += [claim for claim in before if claim.paper in module.PAPERS] or module.claims(setting)
        except KeyboardInterrupt:
            console.say(f"interrupted; {setting.kept.words()}")
            raise SystemExit(console.INTERRUPTED) from None
    print_claims(found)
    if markdown is not None:
        named = ("all",) if chosen == PAPERS else chosen
        markdown.write_text(markdown_page(found, quick, named, only), encoding="utf-8")
        console.say(f"page: {markdown}")
    console.emit_json({"quick": quick, "seed": seed, "claims": [claim.as_json() for claim in found]}, json_file)


def _chosen(papers: tuple[str, ...], quick: bool, only: str | None) -> tuple[str, ...]:
    """The papers to measure; HostError for an unknown one, or for options that leave none."""
    chosen = PAPERS if not papers or "all" in papers else papers
    unknown = [name for name in chosen if name not in PAPERS]
    if unknown:
        raise HostError(f"reproduce: {unknown[0]!r} is unknown, expected one of {', '.join(PAPERS)}, all")
    if only not in (None, "mnist") and chosen != ("charan",):
        raise HostError(f"--data {only}: only rows of charan are on it: rram reproduce charan --data {only}")
    if only is not None and quick:
        raise HostError(f"--data {only}: --quick measures the data set digits, expected one of the two options")
    return chosen
