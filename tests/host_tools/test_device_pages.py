"""Pages of measured devices: every command in them parses, and their figures are those of the presets and cells."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from device_models import presets
from device_models.check.judge import judge
from device_models.fit.groups import group
from device_models.measured import read_cells
from host_tools.cli import main, rram

COLUMNS = ("addr", "time_s", "r_ohm", "g_S", "gi_S", "range", "timept_s")
PAGES = ("bring-your-own-device.md", "presets/techA.md", "presets/techB.md", "presets/README.md")
MEASURED = {
    "techA": ("techA", "techA/relaxdata.min.tsv.gz", "addr % 32"),
    "techB": ("techB", "techB/relaxdata.min.tsv.gz", "(addr / 2) % 32"),
    "techB-10k": ("techB", "techB/relaxdata_10k.min.tsv.gz", "addr % 32"),
}


def commands(page: Path) -> list[list[str]]:
    """Words of every command line in the page's fenced blocks."""
    blocks = re.findall(r"^```\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines() if line.startswith("rram ")]


def parse(words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse a command with all its options; click.UsageError where one does not exist."""
    monkeypatch.chdir(folder)
    group, words = rram, words[1:]
    while isinstance(group, click.Group):
        with click.Context(group) as context:
            _, group, words = group.resolve_command(context, words)
    group.make_context(group.name, list(words))


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_parses(
    repo_root: Path, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in commands(repo_root / "docs" / page):
        parse(words, tmp_path, monkeypatch)


def test_an_option_that_does_not_exist_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(click.UsageError):
        parse(shlex.split("rram profile fit x.csv -o y.json --level-us 3"), tmp_path, monkeypatch)


def test_the_six_commands_are_six(repo_root: Path) -> None:
    text = (repo_root / "docs" / "bring-your-own-device.md").read_text(encoding="utf-8")
    part = text.partition("## The six commands")[2].partition("\n## ")[0]
    assert len(re.findall(r"^rram ", part, re.MULTILINE)) == 6
    assert re.findall(r"^\*\*(\d)\.", part, re.MULTILINE) == list("123456")


def test_the_pages_first_commands_run_as_printed(
    repo_root: Path, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = repo_root / "docs" / "bring-your-own-device.md"
    name = "relaxdata.min.tsv.gz"
    (tmp_path / name).write_bytes((shared_data / "rram/relaxation/techB" / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    fit, check, at = commands(page)[:3]
    for words in (fit, [*check, "--json", "check.json"], at):
        with pytest.raises(SystemExit) as end:
            main(words[1:])
        assert not end.value.code, capsys.readouterr().err
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("next: ")]
    assert shlex.split(told[0].removeprefix("next: ")) == check[:check.index("--plot")]
    found = json.loads((tmp_path / "check.json").read_text())
    assert found["pass"] is True
    assert figures(found["ks_ratio"], found["rejected_percent"], found["wasserstein_uS"]) in page.read_text("utf-8")
    assert len(json.loads((tmp_path / "my10.json").read_text())["levels"]["conductance_uS"]) == 10


def figures(ks_ratio: float, rejected_percent: float, wasserstein_uS: float) -> str:
    """The cells of a row in the pages' tables."""
    return f"| {ks_ratio:.3f} | {rejected_percent:.1f} % | {wasserstein_uS:.2f} |"


@pytest.mark.parametrize("name", MEASURED)
def test_a_measured_presets_page_has_the_checks_figures(repo_root: Path, shared_data: Path, name: str) -> None:
    page, file, target = MEASURED[name]
    text = (repo_root / "docs" / "presets" / f"{page}.md").read_text(encoding="utf-8")
    path = shared_data / "rram/relaxation" / file
    cells = read_cells([path], columns=COLUMNS, mapping=None, target=target, units=None)
    found = judge(presets.load(name), group(cells.half("b")), group(cells.half("a")))
    for label, one in ((f"**{name}**", found.model), ("normal fit per group", found.baselines["normal"]),
                       ("cells of the other half (bootstrap)", found.baselines["bootstrap"])):
        assert f"| {label} {figures(one.ks_ratio, one.rejected_percent, one.wasserstein_uS)}" in text
    assert f"{found.tv_mean:.4f}" in text and f"{found.tv_floor:.4f}" in text
    for kind in ("preset", "check"):
        picture = repo_root / "docs" / "figures" / f"{kind}-{name}.png"
        assert f"../figures/{picture.name}" in text and 10_000 < picture.stat().st_size <= 150_000


def test_the_table_of_presets_is_what_list_prints(repo_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = (repo_root / "docs" / "presets" / "README.md").read_text(encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["profile", "list", "--json", "-"])
    profiles = json.loads(capsys.readouterr().out)["profiles"]
    rows = {line.split("[")[1].split("]")[0]: line for line in table.splitlines() if line.startswith("| [")}
    assert list(rows) == [one["name"] for one in profiles] == presets.names()
    for one in profiles:
        spread, noise = (" / ".join(f"{x:.3g}" for x in one[key]) or "not given"
                         for key in ("spread_percent", "read_noise_percent"))
        p = presets.load(one["name"])
        levels = f"| {p.n_levels} | {p.g_min_uS:.4g} to {p.g_max_uS:.4g} |"
        assert f"{levels} {p.programming.distribution} | {spread} | {noise} |" in rows[one["name"]]
        assert (repo_root / "docs" / "presets" / rows[one["name"]].split("](")[1].split(")")[0]).is_file()
