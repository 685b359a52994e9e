"""Codes in SRAM: rounding against exhaustive search, places against written-out bits, documents, and old bundles."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_py import Chip, RramError
from firmware_py.bundle import Bundle
from firmware_py.correction import count_sram, initial_correction
from firmware_py.sram import Code, LayerSram, index_bits, step_exponent
from tests.firmware_py.make_bundle import CONV, Synthetic, contents, write

LAYERS = {"conv1": (9, 5), "conv2": (45, 7), "fc": (28, 4)}
EXPONENTS = {"value": -8, "gain": -12, "offset": -12}


def document(**changed: Any) -> dict[str, Any]:
    return {"value_bits": 8, "number_bits": 16, "layers": {name: dict(EXPONENTS) for name in LAYERS}} | changed


def each(layer: dict[str, Any]) -> dict[str, Any]:
    """The document with `layer` for every layer."""
    return document(layers={name: dict(layer) for name in LAYERS})


def bundle(tmp_path: Path, correction: Any) -> Bundle:
    """The small convolutional bundle with a key `correction` (None: without it)."""
    metadata, tensors = contents(Synthetic(nodes=CONV))
    if correction is not None:
        metadata["correction"] = correction if isinstance(correction, str) else json.dumps(correction)
    write(tmp_path / "b", metadata, tensors)
    return Bundle.open(tmp_path / "b")


@pytest.mark.parametrize(("bits", "exponent"), [(4, -1), (6, -2), (8, -3), (8, 2), (16, -9)])
def test_a_number_is_rounded_to_the_nearest_of_all_codes(bits: int, exponent: int) -> None:
    codes = np.arange(-(2 ** (bits - 1)), 2 ** (bits - 1)) * 2.0**exponent
    numbers = np.random.default_rng(0).normal(0, 0.4 * codes.max(), 200)
    found = Code(bits, exponent).round(numbers)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [codes[np.abs(codes - number).argmin()] for number in numbers])
    assert Code(bits, exponent).round(np.array([1e9, -1e9])).tolist() == [codes[-1], codes[0]]


def test_float32_numbers_stay_as_they_are() -> None:
    numbers = np.random.default_rng(0).normal(size=50).astype(np.float32)
    assert Code().round(numbers).tobytes() == numbers.tobytes()


@pytest.mark.parametrize("most", [0.001, 0.7, 1.0, 127.0, 128.0, 3e4])
@pytest.mark.parametrize("bits", [8, 16])
def test_the_step_is_the_least_that_reaches(most: float, bits: int) -> None:
    e = step_exponent(most, bits)
    largest = 2 ** (bits - 1) - 1
    assert largest * 2.0**e >= most > largest * 2.0 ** (e - 1)


def written_out(k: int, n: int, places: list[tuple[int, int]], tile: int) -> int:
    """Bits of the two encodings, written out as text of 0 and 1, and the shorter of them."""
    if not places:
        return 0
    bitmap = "".join(str(int((row, j) in places)) for j in range(n) for row in range(k))
    width = max(range(min(k, tile))).bit_length() if min(k, tile) > 1 else 0
    lists = ""
    for start, end in pairwise([*range(0, k, tile), k]):
        for j in range(n):
            rows = [row - start for row, column in places if column == j and start <= row < end]
            lists += format(len(rows), f"0{(end - start).bit_length()}b")
            lists += "".join(format(row, f"0{width}b") for row in rows) if width else ""
    return min(len(bitmap), len(lists))


@pytest.mark.parametrize(
    ("k", "n", "tile"), [(9, 5, 16), (40, 6, 16), (32, 3, 16), (16, 4, 16), (130, 2, 128), (1, 3, 8)]
)
def test_places_cost_what_they_take_written_out(k: int, n: int, tile: int) -> None:
    rng = np.random.default_rng(k)
    for entries in {0, 1, n, k * n // 10, k * n // 2, k * n}:
        chosen = rng.choice(k * n, entries, replace=False)
        places = [(int(c) // n, int(c) % n) for c in chosen]
        assert index_bits(k, n, entries, tile) == written_out(k, n, places, tile)


def test_a_bundle_without_the_key_is_as_before(tmp_path: Path) -> None:
    plain = bundle(tmp_path, None)
    assert all(layer.sram == LayerSram() for layer in plain.layers)
    for spec, mine in zip(plain.layers, initial_correction(plain).layers, strict=True):
        assert mine.value.tobytes() == spec.mask_value.tobytes()
        assert mine.gain.tobytes() == spec.gain.tobytes()
    assert "a" not in {name.split(".")[-1] for name in initial_correction(plain).arrays(plain)}


def test_first_boot_calibration_and_saving_leave_numbers_on_the_grid(tmp_path: Path) -> None:
    coded = bundle(tmp_path, document())
    chip = Chip(coded, 3)

    def off_grid() -> float:
        return max(
            float(np.abs(numbers * 2.0**-e - np.rint(numbers * 2.0**-e)).max(initial=0))
            for layer in chip.correction.layers
            for numbers, e in ((layer.value, -8), (layer.gain, -12), (layer.offset, -12))
        )

    assert off_grid() == 0
    chip.calibrate()
    assert off_grid() == 0
    chip.learn_one(coded.golden_x[0], 1)
    assert off_grid() > 0  # learning works on float32 ...
    chip.save(tmp_path / "state")
    assert off_grid() == 0  # ... until it is saved
    other = Chip(coded, 3)
    other.restore(tmp_path / "state")
    for a, b in zip(chip.correction.layers, other.correction.layers, strict=True):
        np.testing.assert_array_equal(a.value, b.value)


def test_codes_are_counted_by_their_bits_and_learning_by_what_it_works_on(tmp_path: Path) -> None:
    coded = bundle(tmp_path, document())
    entries = {layer.name: int(layer.mask_rows.size) for layer in coded.layers}
    places = sum(index_bits(*LAYERS[name], count, 16) for name, count in entries.items())
    count = count_sram(coded, learning=False)
    columns = {"gains": 2 * 16, "offsets": 2 * 16}
    assert count.parts == {"values": sum(entries.values()), "indices": -(-places // 8), **columns}
    assert count.bytes == sum(count.parts.values())
    learning = count_sram(coded)
    assert learning.parts["values"] == 4 * sum(entries.values())
    assert learning.parts["optimizer"] == 3 * 3 * 8 + 16
    assert count.percent == learning.percent == count_sram(bundle(tmp_path, None)).percent


def test_a_rank_is_counted(tmp_path: Path) -> None:
    given = document()
    given["layers"]["conv2"] |= {"rank": 2, "a": -7, "b": -9}
    ranked = bundle(tmp_path, given)
    plain = bundle(tmp_path, document())
    assert count_sram(ranked, learning=False).parts["low_rank"] == 2 * (45 + 7)
    assert count_sram(ranked).percent - count_sram(plain).percent == pytest.approx(100 * 2 * 52 / (45 + 315 + 112))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("{", "correction: not valid JSON"),
        ("[]", "correction: list given"),
        (document(value_bits=7), "correction.value_bits: 7 given, expected one of 4, 6, 8, 16, 32"),
        (document(number_bits=6), "correction.number_bits: 6 given, expected one of 8, 16, 32"),
        (document(number_bits=True), "correction.number_bits: True given"),
        (document(layers={"fc": {}}), r"correction.layers: \['fc'\] given, expected the analog layers"),
        (document(layers=3), "correction.layers: 3 given"),
        (document(layers=dict.fromkeys(LAYERS, 5)), "correction.layers.conv1.value: None given"),
        (each({"gain": 61}), "correction.layers.conv1.gain: 61 given"),
        (each({"b": 0.5}), "correction.layers.conv1.b: 0.5 given"),
        (each({"rank": 5}), None),
        (each({"rank": 6}), "correction.layers.conv1.rank: 6 given, expected 0 to 5"),
        (each({"rank": -1}), "correction.layers.conv1.rank: -1 given"),
    ],
)
def test_a_wrong_document_is_one_line(tmp_path: Path, given: Any, named: str | None) -> None:
    with pytest.raises(RramError, match=named or "correction.layers.fc.rank: 5 given, expected 0 to 4") as caught:
        bundle(tmp_path, given)
    assert "\n" not in str(caught.value)
