"""`rram-edge` on synthetic bundles: results, exit codes, and one line for every mistake."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_py import AdaptConfig, Chip, Replay, c_engine, rls
from firmware_py.cli import build_parser, main
from firmware_py.correction import OPTIMIZERS
from tests.firmware_py.make_bundle import DENSE, Synthetic, contents, make_bundle, write

Capture = pytest.CaptureFixture[str]
DATA = Path(__file__).parent / "data"
SHAPE = (8, 8, 1)
COMMANDS = ("selftest", "predict", "calibrate", "adapt", "bench", "info", "c-header")
NUMPY = ("--engine", "numpy")


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    return str(make_bundle(tmp_path / "tiny.rram.safetensors"))


def run(capsys: Capture, *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main(arguments)
    output = capsys.readouterr()
    assert "Traceback" not in output.err
    return int(end.value.code or 0), output.out, output.err


def run_json(capsys: Capture, *arguments: str) -> dict[str, Any]:
    """The result as --json - gives it: nothing else may be on standard output."""
    code, out, err = run(capsys, *arguments, "--json", "-")
    assert code == 0, err
    return dict(json.loads(out))


def refused(capsys: Capture, *arguments: str) -> str:
    """The one line of a mistake."""
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    lines = [line for line in err.splitlines() if not line.startswith(("rram-edge: working on", "rram-edge: the chip"))]
    assert len(lines) == 1
    return lines[0]


def images(path: Path, count: int = 3, shape: tuple[int, ...] = SHAPE) -> Path:
    np.save(path, np.random.default_rng(1).integers(0, 256, (count, *shape)).astype(np.uint8))
    return path


def stream(path: Path, end: int, start: int = 0) -> Path:
    """A file with the labelled images start..end-1 of one long stream."""
    rng = np.random.default_rng(2)
    x, y = rng.integers(0, 256, (100, *SHAPE)), rng.integers(0, 4, 100)
    messages = ({"id": i, "x": x[i].tolist(), "label": int(y[i])} for i in range(start, end))
    path.write_text("".join(json.dumps(message) + "\n" for message in messages))
    return path


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_is_one_screen_with_an_example(capsys: Capture, command: list[str]) -> None:
    code, out, _ = run(capsys, *command, "--help")
    assert code == 0
    assert len(out.splitlines()) <= 40
    assert "Example: rram-edge" in out


def test_selftest_passes_and_says_on_which_engine(capsys: Capture, bundle: str) -> None:
    code, out, _ = run(capsys, "selftest", bundle)
    assert code == 0
    assert out.count("PASS  numpy") == 2
    assert run_json(capsys, "selftest", bundle, *NUMPY)["passed"] is True


def test_selftest_fails_with_exit_code_1(capsys: Capture, bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_py.selftest.cells_digest", lambda _: "0" * 64)
    code, out, _ = run(capsys, "selftest", bundle, *NUMPY)
    assert code == 1
    assert out.startswith("FAIL  numpy")


def test_predict_gives_what_the_chip_gives(capsys: Capture, bundle: str, tmp_path: Path) -> None:
    file = images(tmp_path / "x.npy")
    expected = Chip.open(bundle, seed=5, engine="numpy").logits_many(np.load(file))
    result = run_json(capsys, "predict", bundle, str(file), "--chip-seed", "5", *NUMPY)
    np.testing.assert_allclose([p["logits"] for p in result["predictions"]], expected, rtol=1e-6)
    assert [p["class"] for p in result["predictions"]] == expected.argmax(axis=1).tolist()
    _, out, _ = run(capsys, "predict", bundle, str(file), "--seed", "5", *NUMPY)
    assert out.splitlines() == [f"{file}[{i}]\t{c}" for i, c in enumerate(expected.argmax(axis=1))]


def test_read_noise_can_be_left_out(capsys: Capture, bundle: str, tmp_path: Path) -> None:
    one = str(images(tmp_path / "x.npy", 1))
    quiet = run_json(capsys, "predict", bundle, one, one, "--no-read-noise", *NUMPY)["predictions"]
    noisy = run_json(capsys, "predict", bundle, one, one, *NUMPY)["predictions"]
    assert quiet[0]["logits"] == quiet[1]["logits"]
    assert noisy[0]["logits"] != noisy[1]["logits"]


def test_the_ideal_network_beside_the_chip(capsys: Capture, tmp_path: Path) -> None:
    known = np.load(DATA / "tiny.npz")
    metadata, tensors = contents(Synthetic(nodes=DENSE, input_shape=(6, 6, 1)))
    tensors["ideal.tflite"] = np.fromfile(DATA / "tiny-float.tflite", np.uint8)
    write(tmp_path / "b", metadata, tensors)
    np.save(tmp_path / "x.npy", known["x"])
    options = ("predict", str(tmp_path / "b"), str(tmp_path / "x.npy"), "--reference", *NUMPY)
    code, _, err = run(capsys, *options)
    if code == 2 and "no TFLite interpreter" in err:
        pytest.skip(err)
    found = [p["ideal"]["class"] for p in run_json(capsys, *options)["predictions"]]
    assert found == known["logits"].argmax(axis=1).tolist()


def test_calibrate_saves_and_predict_restores(capsys: Capture, bundle: str, tmp_path: Path) -> None:
    report = run_json(capsys, "calibrate", bundle, *NUMPY)
    assert report["generation"] == 1
    assert Path(report["state"]) == Path(f"{bundle}.state/chip-0")
    assert all(layer["after"] < layer["before"] for layer in report["layers"])
    chip = Chip.open(bundle, engine="numpy")
    chip.calibrate()
    file = images(tmp_path / "x.npy")
    expected = chip.logits_many(np.load(file))
    found = run_json(capsys, "predict", bundle, str(file), *NUMPY)["predictions"]
    np.testing.assert_allclose([p["logits"] for p in found], expected, rtol=1e-6)
    fresh = run_json(capsys, "predict", bundle, str(file), "--fresh", *NUMPY)["predictions"]
    assert fresh != found


def test_calibrate_on_own_vectors(capsys: Capture, bundle: str, tmp_path: Path) -> None:
    vectors = str(images(tmp_path / "x.npy", 12))
    report = run_json(capsys, "calibrate", bundle, "--vectors", vectors, "--state", str(tmp_path / "s"), *NUMPY)
    assert report["vectors"] == 12
    assert (tmp_path / "s" / "state.a").exists()


def test_adapt_is_calibrate_then_learn_one_by_one(capsys: Capture, bundle: str, tmp_path: Path) -> None:
    source = stream(tmp_path / "lines", 30)
    result = run_json(capsys, "adapt", bundle, "--stream", str(source), *NUMPY)
    chip, right = Chip.open(bundle, engine="numpy"), 0
    chip.calibrate()
    for line in source.read_text().splitlines():
        message = json.loads(line)
        right += chip.learn_one(np.array(message["x"], np.uint8), message["label"]) == message["label"]
    assert (result["images"], result["labels"]) == (30, 30)
    assert result["accuracy"] == pytest.approx(100 * right / 30)
    again = Chip.open(bundle, engine="numpy")
    assert again.restore(result["state"]) is not None
    for name, values in chip.correction.arrays(chip.bundle).items():
        np.testing.assert_array_equal(again.correction.arrays(again.bundle)[name], values)


def test_a_run_in_two_parts_is_the_same_as_one(capsys: Capture, bundle: str, tmp_path: Path) -> None:
    """Counters, optimiser and SRAM all survive: without replay the second part goes on where the first stopped."""
    for folder, start, end in (("one", 0, 20), ("two", 0, 8), ("two", 8, 20)):
        source = str(stream(tmp_path / "lines", end, start))
        options = ("--stream", source, "--state", str(tmp_path / folder), "--replay", "0")
        assert run_json(capsys, "adapt", bundle, *options, *NUMPY)["labels"] == end - start
    states = []
    for folder in ("one", "two"):
        chip = Chip.open(bundle, engine="numpy")
        assert chip.restore(tmp_path / folder) is not None
        states.append(chip.correction.arrays(chip.bundle))
    for name, values in states[0].items():
        np.testing.assert_array_equal(states[1][name], values)


def test_adapt_replays_as_it_is_told_and_tells_the_bytes(capsys: Capture, bundle: str, tmp_path: Path) -> None:
    source = stream(tmp_path / "lines", 12)
    code, _, err = run(capsys, "adapt", bundle, "--stream", str(source), "--replay", "5:3", *NUMPY)
    assert code == 0
    assert "replay: 3 of the last 5 labelled images learned again with each label, 330 bytes" in err  # 5 (8 x 8 + 2)
    chip = Chip.open(bundle, engine="numpy", adapt=AdaptConfig(replay=Replay(5, 3)))
    chip.calibrate()
    for message in map(json.loads, source.read_text().splitlines()):
        chip.learn_one(np.array(message["x"], np.uint8), message["label"])
    again = Chip.open(bundle, engine="numpy")
    again.restore(f"{bundle}.state/chip-0")
    for name, values in chip.correction.arrays(chip.bundle).items():
        np.testing.assert_array_equal(again.correction.arrays(again.bundle)[name], values)
    for replay, expected in ((("--replay", "0"), (0, 0, 0)), ((), (64, 4, 64 * 66))):
        found = run_json(capsys, "adapt", bundle, "--stream", str(source), *replay, *NUMPY)["replay"]
        assert tuple(found.values()) == expected


@pytest.mark.parametrize("text", ["", "x", "-1", "4:", ":4", "4:x", "1:2:3", "1.5", "9" * 5000, "4:0", "0:4", "65537"])
def test_a_replay_that_cannot_be_is_one_line(capsys: Capture, bundle: str, tmp_path: Path, text: str) -> None:
    source = str(stream(tmp_path / "lines", 1))
    line = refused(capsys, "adapt", bundle, "--stream", source, f"--replay={text}", *NUMPY)
    assert line.startswith("rram-edge: replay: ")
    assert "expected" in line or "is not a whole number" in line


def test_adapt_learns_by_the_optimiser_that_is_named(capsys: Capture, bundle: str, tmp_path: Path) -> None:
    source = str(stream(tmp_path / "lines", 3))
    found = []
    for name in OPTIMIZERS:
        options = ("--stream", source, "--optimizer", name, "--fresh")
        assert run_json(capsys, "adapt", bundle, *options, *NUMPY)["labels"] == 3
        chip = Chip.open(bundle, engine="numpy")
        chip.restore(f"{bundle}.state/chip-0")
        found.append(chip.correction.layers[-1].gain.tobytes())
    assert len(set(found)) == len(OPTIMIZERS)
    line = refused(capsys, "adapt", bundle, "--stream", source, "--rounding", "stochastic", *NUMPY)
    assert line.startswith("rram-edge: adapt: rounding: 'stochastic' given, but the correction of ")


def test_adapt_reports_and_counts_what_it_skips(capsys: Capture, bundle: str, tmp_path: Path) -> None:
    source = stream(tmp_path / "lines", 20)
    with source.open("a") as file:
        file.write('oops\n{"id": 1, "label": 4}\n{"id": "never", "label": 1}\n{"x": [1, 2]}\n')
    options = ("--report-every", "10", "--save-every", "5", *NUMPY)
    code, out, _ = run(capsys, "adapt", bundle, "--stream", str(source), *options)
    assert code == 0
    assert "10 labels: " in out
    assert "label: 4 given, expected a whole number from 0 to 3" in out
    assert out.splitlines()[-1].startswith("end: 20 labels: ")
    assert "4 lines skipped" in out.splitlines()[-1]
    assert "generation 5 " in out.splitlines()[-1]  # one after calibration, four after five labels each
    skipped = run_json(capsys, "adapt", bundle, "--stream", str(source), *NUMPY)["skipped"]
    assert skipped == {"json": 1, "label": 1, "unknown id": 1, "shape": 1}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_at_the_end_of_adapt_is_one_line_and_the_old_state_stays(
    capsys: Capture, bundle: str, tmp_path: Path
) -> None:
    run_json(capsys, "calibrate", bundle, *NUMPY)
    folder = Path(f"{bundle}.state/chip-0")
    (folder / "state.b.tmp").symlink_to("/dev/full")
    code, out, err = run(capsys, "adapt", bundle, "--stream", str(stream(tmp_path / "lines", 3)), *NUMPY)
    assert code == 2
    assert "end: 3 labels" in out
    assert err.splitlines()[-1].startswith("rram-edge: state: cannot save in ")
    assert "No space left on device" in err
    _, _, err = run(capsys, "predict", bundle, str(images(tmp_path / "x.npy")), *NUMPY)
    assert err.startswith("rram-edge: restored generation 1 of ")


def test_a_state_of_another_chip_or_bundle_is_refused(capsys: Capture, bundle: str, tmp_path: Path) -> None:
    other = str(make_bundle(tmp_path / "other", Synthetic(seed=1)))
    folder = str(tmp_path / "state")
    file = str(images(tmp_path / "x.npy"))
    run_json(capsys, "calibrate", bundle, "--seed", "3", "--state", folder, *NUMPY)
    for options, text in (
        ((bundle, "--seed", "4"), "belongs to another chip: seed 3, expected 4"),
        ((other, "--seed", "3"), "belongs to another bundle: digest "),
    ):
        assert text in refused(capsys, "predict", *options, file, "--state", folder, *NUMPY)
        assert text in refused(capsys, "calibrate", *options, "--state", folder, *NUMPY)
        assert text in refused(capsys, "adapt", *options, "--stream", "-", "--state", folder, *NUMPY)
        assert text in refused(capsys, "adapt", *options, "--stream", "-", "--state", folder, "--fresh", *NUMPY)


def test_mistakes_are_one_line(capsys: Capture, bundle: str, tmp_path: Path) -> None:
    wrong = str(images(tmp_path / "wrong.npy", shape=(9, 8, 1)))
    whole = Path(bundle).read_bytes()
    (tmp_path / "cut").write_bytes(whole[:-1])
    (tmp_path / "flipped").write_bytes(whole[:-9] + bytes([whole[-9] ^ 16]) + whole[-8:])
    absent = str(tmp_path / "absent")
    for arguments, text in [
        (("predict", bundle, wrong), "wrong.npy: shape [3, 9, 8, 1] given, expected [8, 8, 1]"),
        (("predict", bundle, f"{absent}.npy"), "absent.npy: No such file or directory"),
        (("predict", bundle, wrong, "--chip-seed", "-1"), "--seed: '-1' is not a whole number from 0"),
        (("predict", bundle, wrong, "--seed", str(2**64)), f"chip: seed: {2**64} is not "),
        (("predict", bundle), "the following arguments are required: FILE"),
        (("calibrate", bundle, "--vectors", wrong), "shape [3, 9, 8, 1] given"),
        (("adapt", bundle, "--stream", absent, "--no-calibrate"), "absent: No such file or directory"),
        (("adapt", bundle, "--stream", "tcp://x", "--no-calibrate"), "'tcp://x' given, expected tcp://host:port"),
        (("adapt", bundle, "--stream", "-", "--lr", "-1"), "expected lr > 0"),
        (("adapt", bundle, "--stream", "-", "--window", "0"), "argument --window: '0' is not a whole number from 1"),
        (("selftest", str(tmp_path / "cut")), "cut: "),
        (("info", str(tmp_path / "flipped")), "flipped: "),
        (("info", absent), "absent: "),
        (("info", bundle, "--json", str(tmp_path / "no" / "folder")), "folder: No such file or directory"),
        (("nonsense",), "invalid choice: 'nonsense'"),
    ]:
        extra = NUMPY if arguments[0] in ("predict", "calibrate", "adapt") else ()
        code, _, err = run(capsys, *arguments, *extra)
        assert code == 2
        assert text in err.splitlines()[-1]
        assert err.splitlines()[-1].startswith("rram-edge")


@pytest.mark.parametrize(("options", "text"), [
    (("adapt", "--optimizer", "adam"), "argument --optimizer: invalid choice: 'adam' (choose from"),
    (("adapt", "--optimizer"), "argument --optimizer: expected one argument"),
    (("adapt", "--optimizer", ""), "argument --optimizer: invalid choice: ''"),
    (("adapt", "--rounding", "up"), "argument --rounding: invalid choice: 'up' (choose from"),
    (("adapt", "--rounding", "nearest"), "adapt: rounding: 'nearest' given, but the correction of "),
    (("adapt", "--optimizer", "rls", "--rounding", "stochastic"), "expected one of codes (rram export --value-bits 8)"),
    (("adapt", "--lr", "fast"), "argument --lr: invalid float value: 'fast'"),
    (("adapt", "--lr", "nan"), "expected lr > 0"),
    (("adapt", "--layers", "0"), "argument --layers: '0' is not a whole number from 1"),
    (("adapt", "--layers", "4"), "safetensors has 3"),
    (("adapt", "--horizon", "0"), "argument --horizon: '0' is not a whole number from 1"),
    *(((command, "--age", age), f"argument --age: {age!r} is not a number of seconds from 0 to 1e+12, nor 'clock'")
      for command in ("predict", "calibrate", "adapt", "explain", "c-header")
      for age in ("-1", "nan", "inf", "1e13", "old", "")),
    *(((command, "--age", "100"), "chip: age_s: 100 given, and the bundle has no law of drift (rram export --aging)")
      for command in ("predict", "calibrate", "adapt", "explain", "c-header")),
])  # fmt: skip
def test_an_option_of_learning_or_of_age_that_cannot_be_is_one_line(
    capsys: Capture, bundle: str, tmp_path: Path, options: tuple[str, ...], text: str
) -> None:
    """And nothing is left behind: no state, no header."""
    needed = {"predict": (str(images(tmp_path / "x.npy")),), "adapt": ("--stream", str(stream(tmp_path / "lines", 1))),
              "c-header": ("-o", str(tmp_path / "net.h"))}  # fmt: skip
    command, *own = options
    engine = () if command == "c-header" else NUMPY
    line = refused(capsys, command, bundle, *needed.get(command, ()), *own, *engine)
    assert line.startswith("rram-edge") and text in line
    assert not Path(f"{bundle}.state").exists() and not (tmp_path / "net.h").exists()


def test_too_many_numbers_for_least_squares_are_one_line(
    capsys: Capture, bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rls, "MOST_NUMBERS", 10)
    source = str(stream(tmp_path / "lines", 1))
    line = refused(capsys, "adapt", bundle, "--stream", source, "--optimizer", "rls", *NUMPY)
    assert line.startswith("rram-edge: adapt: optimizer: 'rls' on fc: 1 positions, ") and line.endswith("at most 10")


def test_info_counts_what_the_bundle_holds(capsys: Capture, bundle: str) -> None:
    result = run_json(capsys, "info", bundle)
    assert result["cells"] == 2 * (9 * 5 + 45 * 7 + 28 * 4)
    assert [layer["name"] for layer in result["layers"]] == ["conv1", "conv2", "fc"]
    assert "conv2: conv2d, 45 rows x 7 columns" in run(capsys, "info", bundle)[1]


def test_without_the_c_core_it_says_so_in_one_line_and_works(
    capsys: Capture, bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(c_engine, "available", lambda: False)
    code, out, err = run(capsys, "predict", bundle, str(images(tmp_path / "x.npy")), "--fresh")
    assert code == 0
    assert len(out.splitlines()) == 3
    assert sum("working on the NumPy engine: the C core is not built" in line for line in err.splitlines()) == 1
    assert "the C core is not built" in refused(capsys, "calibrate", bundle, "--engine", "c")
    code, out, _ = run(capsys, "selftest", bundle)
    assert code == 0
    assert "SKIP  c" in out


def test_every_command_has_a_function() -> None:
    from firmware_py import commands

    names = build_parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    assert all(callable(getattr(commands, name.replace("-", "_"))) for name in names)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_json_and_seed(capsys: Capture, command: str) -> None:
    text = run(capsys, command, "--help")[1]
    assert "--json FILE" in text and "--seed N" in text and "Example: " in text


def test_info_tells_chips_apart(capsys: Capture, bundle: str) -> None:
    digests = [run_json(capsys, "info", bundle, "--seed", seed)["cells_sha256"] for seed in ("5", "6", "5")]
    assert digests[0] == digests[2] != digests[1]
    assert "cells_sha256" not in run_json(capsys, "info", bundle)
