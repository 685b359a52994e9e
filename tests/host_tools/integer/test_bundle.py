"""What a bundle's tensors and graph say, computed by plain loops, is what the network says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from firmware_py.chip import Chip, EngineName
from host_tools.data import Dataset
from host_tools.errors import HostError
from host_tools.integer.adc import WholeCells, matched
from host_tools.integer.bundle import export_integer, graph, layer_tensors
from host_tools.integer.fold import integer_network
from host_tools.integer.network import IntegerNetwork
from host_tools.integer.rows import rename_rows
from tests.host_tools.integer import nets
from tests.host_tools.integer.test_rows import repeated


def by_hand(nodes: list[dict[str, Any]], t: dict[str, np.ndarray], image: np.ndarray) -> np.ndarray:
    """One image through the document as docs/bundle.md describes it, element by element."""
    a: Any = None
    for node in nodes:
        name = node.get("name")
        if "integer" in node:
            w_step, dac_lsb, adc_lsb = t[f"{name}.scales"]
            if a is None:
                a = np.clip(np.rint(image.astype(np.float32) / np.float32(255) / dac_lsb), 0, 3)
            levels = t["profile.target"][t[f"{name}.levels"]].astype(float)
            d = levels[0] - levels[1]
            assert w_step == np.float32(1 / 2048)
            if node["op"] == "dense":
                a = np.rint(a @ d / adc_lsb)
            else:
                a = convolved(a, d, node, adc_lsb)
            assert list(a.shape) == node["out"]
        elif node["op"] == "thresholds":
            limits = t[f"{name}.thresholds"]
            assert len(limits) == node["levels"] - 1 and limits.dtype == np.int32
            a = np.stack([(a[..., j, None] >= limits[:, j]).sum(axis=-1) for j in range(limits.shape[1])], axis=-1)
        elif node["op"] == "maxpool2d":
            (h, w), (down, right) = node["pool"], node["stride"]
            size = [(a.shape[0] - h) // down + 1, (a.shape[1] - w) // right + 1]
            a = np.array([[a[i * down : i * down + h, j * right : j * right + w].max(axis=(0, 1))
                           for j in range(size[1])] for i in range(size[0])])  # fmt: skip
        elif node["op"] == "rename":
            row, sign = t[f"{name}.rename.row"], t[f"{name}.rename.sign"]
            a = np.array([(a * sign)[row == p].sum() for p in range(max(row) + 1)])
        else:
            assert node["op"] == "flatten"
            a = a.reshape(-1)
    return np.asarray(a)


def convolved(a: np.ndarray, d: np.ndarray, node: dict[str, Any], adc_lsb: float) -> np.ndarray:
    (kh, kw), (sh, sw), (oh, ow, n) = node["kernel"], node["stride"], node["out"]
    h, w, _ = a.shape
    top, left = (max((oh - 1) * sh + kh - h, 0) // 2, max((ow - 1) * sw + kw - w, 0) // 2)
    if node["padding"] == "valid":
        top = left = 0
    padded = np.zeros((h + 2 * kh, w + 2 * kw, a.shape[2]))
    padded[top : top + h, left : left + w] = a
    out = np.zeros((oh, ow, n))
    for i in range(oh):
        for j in range(ow):
            out[i, j] = np.rint(padded[i * sh : i * sh + kh, j * sw : j * sw + kw].reshape(-1) @ d / adc_lsb)
    return out


@pytest.mark.parametrize("make", [lambda: integer_network(nets.drawn(2)), lambda: rename_rows(repeated())])
def test_the_document_computes_the_networks_sums(make: Any) -> None:
    network: IntegerNetwork = make()
    adc = WholeCells(16, 256, {layer.name: 1 for layer in network.analog})
    tensors = layer_tensors(network, DeviceProfile.load("weinstock-40nm"), adc)
    x = nets.images(4)
    for image, sums in zip(x, network.sums(x), strict=True):
        np.testing.assert_array_equal(by_hand(graph(network), tensors, image), sums)


@pytest.mark.parametrize("engine", ["numpy", "c"])
def test_a_board_gives_the_networks_sums(tmp_path: Path, engine: EngineName) -> None:
    network, x = rename_rows(repeated()), nets.images(80)
    y = np.arange(80) % 4
    d = Dataset("noise", x, y, x, y, tuple("abcd"))
    profile, path = DeviceProfile.load("weinstock-40nm"), tmp_path / "a.rram.safetensors"
    exact = MacroConfig(rows=128, cols=128, rows_active=4, dac_bits=2, adc_bits=5)
    for macro in (exact, MacroConfig(rows=128, cols=128, rows_active=128, dac_bits=2, adc_bits=4)):
        bundle, adc = export_integer(path, network, profile, macro, d, {})
        found = Chip.open(path, seed=7, engine=engine).predict_many(x)
        np.testing.assert_array_equal(found, matched(network, adc).classes(x, adc))
        expected = matched(network, adc).sums(bundle.golden_x, adc)
        np.testing.assert_array_equal(bundle.golden_logits, expected)  # the cells of this profile have no spread
    assert (found != network.classes(x)).any()  # four bits for 128 rows lose something


def test_a_macro_with_another_dac_is_refused(tmp_path: Path) -> None:
    d = Dataset("noise", nets.images(20), np.arange(20) % 4, nets.images(4), np.arange(4), tuple("abcd"))
    profile = DeviceProfile.load("weinstock-40nm")
    with pytest.raises(HostError, match="macro: dac_bits: 8 given, the network was trained for 2"):
        export_integer(tmp_path / "a", integer_network(nets.drawn()), profile, MacroConfig(), d, {})
