"""`rram cost`: its sums on a real bundle, what it prints of its assumptions, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from device_models.cost import Components, LayerSize, SramBits, correction_bits
from firmware_py.bundle import Bundle
from firmware_py.correction import count_sram
from host_tools.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `rram cost ARGUMENTS`."""
    with pytest.raises(SystemExit) as end:
        main(["cost", *arguments])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


@pytest.fixture
def bundle(repo_root: Path) -> Path:
    """LeNet-5 with its mask, a bundle as users make it."""
    return repo_root / "tests/data/mnist-lenet5.rram.safetensors"


def test_a_bundle_is_costed_with_the_sram_that_its_runtime_counts(
    capsys: pytest.CaptureFixture[str], bundle: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "cost.png"
    code, out, err = run(capsys, str(bundle), "--plot", str(picture), "--json", "-")
    assert code == 0
    result = json.loads(out)
    opened = Bundle.open(bundle)
    assert result["sram_bits"]["total"] == 8 * count_sram(opened).bytes
    assert result["weights"] == sum(layer.k * layer.n for layer in opened.layers)
    assert result["macro_um2"] + result["correction_um2"] == pytest.approx(sum(result["area_um2"].values()))
    share = 100 * result["correction_um2"] / result["macro_um2"]
    assert result["correction_percent_of_macro"] == pytest.approx(share)
    levels = opened.profile["levels"]["conductance_uS"]
    cells = [levels[level] for layer in opened.layers for level in layer.levels.ravel()]
    assert result["mean_conductance_uS"] == pytest.approx(sum(cells) / len(cells))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "7.86" in err


def test_bits_are_counted_as_the_runtime_counts_them(bundle: Path) -> None:
    opened = Bundle.open(bundle)
    layers = [LayerSize(x.name, x.k, x.n, x.node.positions, int(x.mask_rows.size)) for x in opened.layers]
    counted = {part: 8 * size for part, size in count_sram(opened).parts.items()}
    assert correction_bits(layers) == SramBits(**counted)


def test_sizes_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ("--network", "25x6@576, 400x120", "--profile", "ideal")
    code, out, _ = run(capsys, *sizes, "--corrected", "10", "--json", "-")
    assert code == 0
    result = json.loads(out)
    assert (result["weights"], result["tiles"]) == (25 * 6 + 400 * 120, 1 + 4)
    assert result["corrected_weights"] == 15 + 4800
    plain = json.loads(run(capsys, "--network", "25x6@576,400x120", "--corrected", "0", "--json", "-")[1])
    assert plain["correction_percent_of_macro"] == 0
    assert plain["macro_um2"] == result["macro_um2"]


def test_another_macro_and_another_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    parts = Components.load("65nm")
    data = parts.model_dump(mode="json")
    data["name"] = "mine"
    data["rram_cell_um2"]["value"] *= 3
    table = tmp_path / "mine.json"
    table.write_text(json.dumps(data))
    small = json.loads(run(capsys, "--network", "64x64", "--json", "-")[1])
    large = json.loads(run(capsys, "--network", "64x64", "--components", str(table), "--json", "-")[1])
    assert large["area_um2"]["RRAM cells"] == pytest.approx(3 * small["area_um2"]["RRAM cells"])
    other = json.loads(run(capsys, "--network", "64x64", "--macro", "weinstock-40nm", "--json", "-")[1])
    assert other["macro"]["adc_bits"] == 5
    assert other["area_um2"]["ADCs"] < small["area_um2"]["ADCs"]


def test_every_number_is_printed_with_its_source_or_as_an_assumption(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = run(capsys, "--network", "8x8")
    text = " ".join(err.split())
    for key, number in Components.load("65nm").numbers():
        kind = "ASSUMPTION" if number.evidence.assumption else "from the source"
        assert f"{key} = {number.value:g} [{kind}]" in text


@pytest.mark.parametrize(("arguments", "message"), [
    ([], "cost: neither BUNDLE nor --network given, expected one of them"),
    (["x.safetensors", "--network", "8x8"], "cost: both BUNDLE and --network given, expected one of them"),
    (["--network", "8x8,9"], "--network: '9' (layer 2) is not ROWSxCOLS or ROWSxCOLS@POSITIONS"),
    (["--network", "0x8"], "layer layer1: rows: 0 is not >= 1"),
    (["--network", "8x8", "--corrected", "101"], "--corrected: 101 % is not 0 to 100"),
    (["--network", "8x8", "--components", "7nm"], "components 7nm: no such file"),
    (["--network", "8x8", "--value-bits", "0"], "readings: value_bits: 0 is not 1 to 64"),
    (["--network", "8x8", "--macro", "nobody"], "macro nobody: "),
    (["nothing.safetensors"], "nothing.safetensors: "),
])  # fmt: skip
def test_wrong_input_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"rram: {message}")
    assert err.count("\n") == 1


def test_what_7_86_per_cent_area_holds_is_as_the_page_says(
    capsys: pytest.CaptureFixture[str], bundle: Path, repo_root: Path
) -> None:
    code, out, _ = run(capsys, str(bundle), "--json", "-")
    assert code == 0
    rows = {row["value_bits"]: row for row in json.loads(out)["room_at_7.86_area"]}
    page = (repo_root / "docs/cost.md").read_text(encoding="utf-8")
    for row in rows.values():
        assert f"{row['fixed_percent']:.2f} %" in page
        assert f"{row['entries']:,}" in page
        assert f"{row['weights_percent']:.1f}" in page
    assert rows[8]["entries"] > 2 * rows[32]["entries"]
