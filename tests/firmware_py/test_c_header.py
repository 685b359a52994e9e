"""A chip as a C header: a compiler reads from it what the bundle and the SRAM state hold."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware_py import Chip, build_core
from firmware_py.bundle import Bundle
from firmware_py.c_header import write_header
from firmware_py.errors import RramError
from tests.firmware_py.core_cases import needs_core, opened
from tests.firmware_py.make_bundle import Synthetic, make_bundle
from tests.firmware_py.test_cli import Capture, refused, run, run_json

pytestmark = needs_core
CORE = Path(build_core.__file__).parent / "core"
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror"]
needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler")


def said(folder: Path, program: str) -> str:
    """Compile a program that includes the header, run it, and return what it prints."""
    (folder / "p.c").write_text(f'#include <stdio.h>\n#include "net.h"\nint main(void) {{ {program} return 0; }}\n')
    command = ["gcc", *STRICT, f"-I{CORE}", str(folder / "p.c"), "-o", str(folder / "p")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return subprocess.run([str(folder / "p")], capture_output=True, check=True).stdout.decode()


def printed(folder: Path, name: str, count: int) -> np.ndarray:
    """`count` floats of an array, by their bits."""
    loop = f"for (int i = 0; i < {count}; i++) printf(\"%a \", (double){name}[i]);"
    return np.array([float.fromhex(word) for word in said(folder, loop).split()])


@needs_compiler
def test_tables_levels_and_correction_are_the_chips(tmp_path: Path) -> None:
    chip = Chip.open(make_bundle(tmp_path / "b"), seed=2**64 - 1, engine="c")
    chip.calibrate()
    for i in range(3):
        chip.learn_one(chip.bundle.golden_x[i], i)
    write_header(tmp_path / "net.h", chip)
    layer, tables = chip.bundle.layers[1], chip.bundle.tables
    corrected = chip.correction.layers[1]
    for name, array in {"net_3_levels": layer.levels, "net_3_gain": corrected.gain, "net_3_value": corrected.value,
                        "net_3_ms": corrected.ms, "net_normal": tables.normal, "net_quantiles": tables.quantiles,
                        "net_read_b": tables.read_b}.items():  # fmt: skip
        np.testing.assert_array_equal(printed(tmp_path, name, array.size), array.ravel(), err_msg=name)
    text = said(tmp_path, 'printf("%llx %u %u %u", (unsigned long long)net_desc.seed, (unsigned)NET_READ, '
                          "(unsigned)net_desc.node_count, (unsigned)net_nodes[3].kh);")  # fmt: skip
    assert text.split() == ["f" * 16, str(chip.correction.read), str(len(chip.bundle.nodes) - 1), "3"]


@needs_compiler
def test_class_names_are_any_text(tmp_path: Path) -> None:
    names = ('a "quoted" \\ one', "??/", "é7", "line\nbreak")
    chip = Chip(replace(opened(tmp_path, Synthetic()), classes=names), engine="c")
    write_header(tmp_path / "net.h", chip)
    text = said(tmp_path, 'for (int i = 0; i < NET_CLASSES; i++) printf("%s;", net_classes[i]);')
    assert text == ";".join(names) + ";"


@needs_compiler
def test_vectors_and_first_boot_are_the_bundles(tmp_path: Path) -> None:
    """After calibration, too: a program may calibrate again, from first boot."""
    chip = Chip.open(make_bundle(tmp_path / "b"), seed=3, engine="c")
    chip.calibrate()
    write_header(tmp_path / "net.h", chip, vectors=4)
    stored = chip.bundle.calibration_x[:4]
    np.testing.assert_array_equal(printed(tmp_path, "net_vectors[3]", stored[3].size), stored[3].ravel())
    for name, array in (("gain", chip.bundle.layers[0].gain), ("value", chip.bundle.layers[0].mask_value)):
        np.testing.assert_array_equal(printed(tmp_path, f"net_nodes[0].first->{name}", array.size), array)
    text = said(tmp_path, 'printf("%d %d %d", (int)NET_VECTORS, (int)NET_CALIBRATE_BYTES, (int)NET_CALIBRATE_LEAST);')
    assert text == f"4 {' '.join(map(str, chip.engine.calibration_bytes()))}"  # type: ignore[attr-defined]
    with pytest.raises(RramError, match=r"^c-header: 17 vectors asked, expected 0 to 16, which the bundle has$"):
        write_header(tmp_path / "net.h", chip, vectors=17)


def test_lines_are_of_readable_length(tmp_path: Path) -> None:
    write_header(tmp_path / "net.h", Chip.open(make_bundle(tmp_path / "b"), engine="c"), vectors=2)
    assert max(map(len, (tmp_path / "net.h").read_text().splitlines())) <= 120


def test_the_command_takes_the_saved_state(tmp_path: Path, capsys: Capture) -> None:
    bundle = str(make_bundle(tmp_path / "b"))
    options = ("--chip-seed", "3", "--state", str(tmp_path / "state"))
    run(capsys, "calibrate", bundle, *options)
    told = run_json(capsys, "c-header", bundle, *options, "-o", str(tmp_path / "net.h"), "--name", "digits")
    text = (tmp_path / "net.h").read_text()
    assert told["chip_seed"] == 3 and told["arena_bytes"] == Chip.open(bundle, seed=3).engine.arena_bytes
    assert "digits_desc" in text and f"DIGITS_READ {len(Bundle.open(bundle).calibration_x)}u" in text
    small = run_json(capsys, "c-header", bundle, *options, "--no-learning", "-o", str(tmp_path / "fixed.h"))
    assert small["arena_bytes"] < told["arena_bytes"] and ".frozen = 3u" in (tmp_path / "fixed.h").read_text()
    last = run_json(capsys, "c-header", bundle, *options, "--layers", "1", "-o", str(tmp_path / "last.h"))
    assert small["arena_bytes"] <= last["arena_bytes"] < told["arena_bytes"]
    assert ".frozen = 2u" in (tmp_path / "last.h").read_text()
    run(capsys, "c-header", bundle, *options, "--fresh", "-o", str(tmp_path / "fresh.h"))
    gains = [re.search(r"_0_gain\[.*?\}", text, re.DOTALL) for text in (text, (tmp_path / "fresh.h").read_text())]
    assert gains[0] and gains[1] and gains[0].group() != gains[1].group()


def test_what_is_no_name_or_no_chip_in_c_is_refused(tmp_path: Path, capsys: Capture) -> None:
    bundle = str(make_bundle(tmp_path / "b"))
    line = refused(capsys, "c-header", bundle, "-o", str(tmp_path / "net.h"), "--name", "7up")
    assert line == "rram-edge: c-header: name: '7up' given, expected small letters, digits and _, a letter first"
    with pytest.raises(RramError, match="a chip on the numpy engine given, expected the C engine"):
        write_header(tmp_path / "net.h", Chip.open(bundle, engine="numpy"))
    assert "No such file" in refused(capsys, "c-header", bundle, "-o", str(tmp_path / "no" / "net.h"))
