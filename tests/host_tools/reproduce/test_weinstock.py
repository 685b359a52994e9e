"""Weinstock's rows on a small problem: each is there, its verdict can fail, and nothing is trained twice."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")
pytest.importorskip("matplotlib", reason="needs the host extra")

from host_tools.integer.fold import integer_network
from host_tools.integer.recipe import IntegerRecipe
from host_tools.record import save_model
from host_tools.reproduce import weinstock
from host_tools.reproduce.claim import Setting
from host_tools.reproduce.weinstock import Networks, renaming, reordering, training
from tests.host_tools.networks import conv_net, data


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    folder = tmp_path_factory.mktemp("weinstock")
    save_model(conv_net(), folder / "teacher.keras", {})
    setting = Setting(False, 0, folder / "figures", folder / "cache", tell=lambda line: None)
    return Networks(data(100), setting, folder / "teacher.keras", IntegerRecipe(epochs=1, batch=32, augment=None))


def test_every_claim_is_measured_and_judged(networks: Networks) -> None:
    accuracy, *rename = training(networks) + renaming(networks)
    arrays, d = integer_network(networks.free()), networks.data
    assert accuracy.value == 100 * np.mean(arrays.classes(d.x_test) == d.y_test)
    assert accuracy.met == (accuracy.value >= 98.5) and accuracy.paper_value == 96.66
    saved, free, whole = rename
    assert saved.value >= 100 * (1 - 1 / 9) > 50 and saved.met is True  # nine rows tied to one
    kinds = {max(tuple(row), tuple(-row)) for row in arrays.analog[-1].weights.astype(int)}
    assert free.value == pytest.approx(100 * (1 - len(kinds) / 9))
    assert 0 < whole.value < saved.value and whole.met is None
    assert (networks.setting.figures / "weinstock-rename.png").exists()


def test_the_order_is_measured_on_as_many_chips_as_it_says(
    networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, added = reordering(networks, 3)
    assert added.claim == "row reorder: error that noise adds in the sums of the last layer cut"
    for one in (claim, added):
        assert one.chips == 3 and one.paper_value == 5.6 and "3 chips" in one.setting
        assert one.met == (one.value >= 8) and one.goal == 8
    monkeypatch.setattr(weinstock, "REORDER_GOAL", claim.value + 0.1)
    assert reordering(networks, 3)[0].met is False


def test_nothing_is_trained_twice(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    first = networks.free().get_weights()
    networks.tied()
    monkeypatch.setattr("host_tools.integer.train.tune", lambda *arguments: pytest.fail("trained again"))
    for a, b in zip(first, networks.free().get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    networks.tied()
