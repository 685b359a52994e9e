"""The SRAM mask: its budget by hand, and which weights it takes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="networks are Keras models")

from device_models.profile import DeviceProfile
from host_tools import models
from host_tools.data import scaled
from host_tools.errors import HostError
from host_tools.mapping.mask import CRITERIA, MaskChoice, choose_mask, entries_for, mask_seed, weight_variance
from host_tools.mapping.network import map_model
from tests.host_tools import networks

PROFILE = DeviceProfile.load("charan-65nm")
TARGETS = np.array(PROFILE.levels.conductance_uS)
TABLES = networks.tables_of(PROFILE)
DATA = networks.data()
MODEL = networks.conv_net()
PERCENT = 25.0


def masks(criterion: str, seed: int = 0, percent: float = PERCENT) -> list[np.ndarray]:
    """Masks of the small network."""
    nodes, layers = networks.bare(map_model(MODEL, TARGETS))
    choice = MaskChoice(criterion, percent, chips=4, seed=seed)
    return choose_mask(nodes, layers, TABLES, scaled(DATA.x_train), DATA.y_train, choice)


def test_lenet5_has_966_entries_at_2_34_per_cent() -> None:
    network = map_model(models.build("lenet5", (28, 28, 1), 10), TARGETS)
    assert (network.weights, network.columns) == (61_470, 236)
    entries = entries_for(2.34, network.weights, network.columns)
    assert entries == 966  # 2.34 % of 61,470 is 1,438.4; 236 gains and 236 offsets are among them
    assert 100 * (entries + 2 * 236) / 61_470 <= 2.34 < 100 * (entries + 1 + 2 * 236) / 61_470


def test_all_weights_is_the_most_and_whole_numbers_are_not_lost_to_rounding() -> None:
    assert entries_for(100, 1000, 10) == 980
    assert entries_for(100, 10, 0) == 10
    for percent in range(101):
        assert entries_for(percent, 100, 0) == percent


def test_a_budget_below_gains_and_offsets_says_how_much_these_take() -> None:
    with pytest.raises(HostError, match=r"^--sram: 0.5 % given, gains and offsets alone take 2.00 % of 1000 weights$"):
        entries_for(0.5, 1000, 10)
    with pytest.raises(HostError, match="gains and offsets alone"):
        masks("fisher-variance", percent=1.0)


@pytest.mark.parametrize("criterion", [c for c in CRITERIA if c != "none"])
def test_the_mask_uses_its_budget_and_not_an_entry_more(criterion: str) -> None:
    network = map_model(MODEL, TARGETS)
    chosen = masks(criterion)
    assert [m.shape for m in chosen] == [layer.signed.shape for layer in network.layers]
    total = sum(int(m.sum()) for m in chosen) + 2 * network.columns
    assert total == int(PERCENT / 100 * network.weights)


def test_none_leaves_gains_and_offsets() -> None:
    assert not any(m.any() for m in masks("none"))


@pytest.mark.parametrize("criterion", ["random", "fisher-variance", "magnitude"])
def test_a_mask_is_a_function_of_its_seed(criterion: str) -> None:
    first, again, other = (np.concatenate([m.ravel() for m in masks(criterion, seed)]) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


def test_a_random_mask_takes_each_layer_in_its_share() -> None:
    chosen = masks("random")
    rate = sum(m.sum() for m in chosen) / sum(m.size for m in chosen)
    for m in chosen:
        assert abs(m.sum() - rate * m.size) < 5 * np.sqrt(m.size * rate * (1 - rate))


def test_magnitude_takes_the_largest_weights_of_the_whole_network() -> None:
    network = map_model(MODEL, TARGETS)
    sizes = [np.abs(layer.signed) * layer.clip for layer in network.layers]  # the levels are equally spaced
    chosen = masks("magnitude")
    taken = np.concatenate([s[m] for s, m in zip(sizes, chosen, strict=True)])
    left = np.concatenate([s[~m] for s, m in zip(sizes, chosen, strict=True)])
    assert taken.min() >= left.max() * (1 - 1e-2)  # levels are whole G steps


def test_more_weights_are_the_same_and_some_others() -> None:
    for few, many in zip(masks("fisher", percent=20), masks("fisher", percent=40), strict=True):
        assert np.all(many[few])


def test_the_variance_of_a_weight_is_that_of_many_chips() -> None:
    from host_tools import emulate

    network = map_model(MODEL, TARGETS)
    network.layers[2].gain[:] = 3
    _, layers = networks.bare(network)
    drawn = [emulate.chip_weights(layers, TABLES, seed)[2] for seed in range(400)]
    measured, expected = np.var(drawn, axis=0), weight_variance(layers[2], TABLES)
    assert measured.mean() == pytest.approx(expected.mean(), rel=0.03)
    order = np.argsort(expected.ravel())
    low, high = measured.ravel()[order[:50]].mean(), measured.ravel()[order[-50:]].mean()
    assert low == pytest.approx(np.sort(expected.ravel())[:50].mean(), rel=0.1)
    assert high == pytest.approx(np.sort(expected.ravel())[-50:].mean(), rel=0.1)


def test_chips_that_export_looks_at_are_not_those_of_users() -> None:
    seeds = [mask_seed(seed, chip) for seed in range(3) for chip in range(8)]
    assert len(set(seeds)) == len(seeds)
    assert min(seeds) >= 1 << 63
    assert max(seeds) < 1 << 64


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"criterion": "best"}, "--mask: 'best'"),
        ({"sram_percent": -1}, "--sram"),
        ({"sram_percent": 101}, "--sram"),
        ({"sram_percent": float("nan")}, "--sram"),
    ],
)
def test_wrong_choices_are_refused(given: dict, text: str) -> None:
    with pytest.raises(HostError, match=text):
        MaskChoice(**given)
