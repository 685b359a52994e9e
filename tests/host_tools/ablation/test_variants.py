"""Variants of a correction: masks and codes as asked for, per chip where cells are read out, ranks that fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firmware_py.bundle import Bundle
from firmware_py.cells import Effects, program
from firmware_py.correction import count_sram, initial_correction
from host_tools.ablation.plans import kind_variants, mask_variants, pair_variants, source_of
from host_tools.ablation.run import Bench, measure
from host_tools.ablation.variants import apply, correction_bits, read_out_masks
from host_tools.errors import HostError
from host_tools.mapping.codes import correction_document
from host_tools.mapping.mask import ideal_weights
from host_tools.mapping.ranks import choose_ranks
from tests.host_tools.ablation import small

RNG = np.random.default_rng(3)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle.open(small.bundle(tmp_path))


def test_a_mask_is_where_it_was_put_and_starts_at_zero(bundle: Bundle) -> None:
    masks = [RNG.random((layer.k, layer.n)) < 0.2 for layer in bundle.layers]
    given = apply(bundle, masks)
    for layer, mask in zip(given.layers, masks, strict=True):
        found = np.zeros_like(mask)
        found[layer.mask_rows, layer.mask_cols] = True
        np.testing.assert_array_equal(found, mask)
        assert not layer.mask_value.any()
        for j in range(layer.n):
            assert np.all(np.diff(layer.mask_rows[layer.mask_indptr[j] : layer.mask_indptr[j + 1]].astype(int)) > 0)


def test_codes_reach_as_far_as_the_cells_may_be_off(bundle: Bundle) -> None:
    masks = [np.ones((layer.k, layer.n), bool) for layer in bundle.layers]
    coded = apply(bundle, masks, 8)
    for index, (layer, bare) in enumerate(zip(coded.layers, bundle.layers, strict=True)):
        off = [program(bare, index, bundle, chip, Effects()).d * float(bare.w_step) * bare.gain
               - ideal_weights(bare, bundle.tables) for chip in range(40)]  # fmt: skip
        deviation = np.stack(off)
        most = 127 * 2.0**layer.sram.value.exponent
        assert np.mean(np.abs(deviation) > most) < 1e-2
        assert most < 16 * deviation.std()  # and no coarser than that needs: a step is 1/8 sd at most
        assert 2.0**layer.sram.value.exponent < deviation.std() / 8
    document = correction_document(coded.layers)
    assert document["value_bits"] == 8
    assert document["layers"].keys() == {layer.name for layer in coded.layers}
    assert initial_correction(coded).layers[0].gain == pytest.approx(bundle.layers[0].gain, abs=2.0**-10)


def test_cells_that_are_read_out_put_the_mask_where_this_chip_is_worst(bundle: Bundle) -> None:
    ones = [np.ones((layer.k, layer.n)) for layer in bundle.layers]
    first, other = (read_out_masks(bundle, ones, chip, 50) for chip in (1, 2))
    assert sum(int(mask.sum()) for mask in first) == 50
    assert any(np.any(a != b) for a, b in zip(first, other, strict=True))
    squares = [(program(layer, i, bundle, 1, Effects()).d * float(layer.w_step) * layer.gain
                - ideal_weights(layer, bundle.tables)) ** 2 for i, layer in enumerate(bundle.layers)]  # fmt: skip
    taken = np.concatenate([s[m] for s, m in zip(squares, first, strict=True)])
    left = np.concatenate([s[~m] for s, m in zip(squares, first, strict=True)])
    assert taken.min() >= left.max()


def test_ranks_go_where_the_loss_is_and_not_over_the_budget(bundle: Bundle) -> None:
    fisher = [np.full((layer.k, layer.n), 1e-9) for layer in bundle.layers]
    fisher[1][:] = 1.0
    for budget in (0, 51, 52, 160, 10**6):
        ranks = choose_ranks(bundle.layers, bundle.tables, fisher, budget)
        spent = sum(rank * (layer.k + layer.n) for rank, layer in zip(ranks, bundle.layers, strict=True))
        assert spent <= budget
        if 52 <= budget < 10**6:
            assert ranks[1] == budget // 52  # 45 + 7 numbers a rank
        for rank, layer in zip(ranks, bundle.layers, strict=True):
            assert rank * (layer.k + layer.n) <= layer.k * layer.n


def test_kinds_take_no_more_sram_than_the_sparse_one(tmp_path: Path) -> None:
    source = source_of(small.bundle(tmp_path), small.dataset(), 0)
    for bits in (8, 32):
        variants = {v.name: v for v in kind_variants(source, 30.0, (5,), bits)}
        size = {name: correction_bits(apply(source.bundle, v.masks, bits, v.ranks)) for name, v in variants.items()}
        assert size["low-rank, 5 vectors"] <= size["sparse, 5 vectors"]
        assert size["both, 5 vectors"] <= size["sparse, 5 vectors"]
        assert sum(variants["low-rank, 5 vectors"].ranks) > 0
        sparse = apply(source.bundle, variants["sparse, 5 vectors"].masks, bits)
        assert count_sram(sparse).percent <= 30.0


def test_the_same_figures_on_one_process_and_on_two(tmp_path: Path) -> None:
    data = small.dataset()
    source = source_of(small.bundle(tmp_path), data, 0)
    variants = mask_variants(source, ["random", "fisher-deviation"], [10.0], 8, 8)
    assert [variant.name for variant in variants] == ["untouched", "gains", "random 10 %", "fisher-deviation 10 %"]
    bench = Bench(source.bundle, source.held_out[:8], data.x_test[:40], data.y_test[:40], (5, 6, 7),
                  source.scores("fisher"))  # fmt: skip
    one, two = measure(bench, variants, 1), measure(bench, variants, 2)
    assert one == two
    assert all(len(values) == 3 for values in one.values())


def test_a_pair_is_what_its_names_say(tmp_path: Path) -> None:
    from dataclasses import replace

    source = source_of(small.bundle(tmp_path), small.dataset(), 0)
    wide = replace(source, known={"fisher-variance": source.scores("magnitude"), "random": source.scores("random")})
    with pytest.raises(HostError, match="gains and offsets alone"):  # 32 numbers are 6.8 % of 472 weights
        pair_variants(wide, 8, 32)


def test_a_student_with_a_mask_of_its_own_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="trained with a mask of its own, expected a student that knows none$"):
        source_of(small.bundle(tmp_path, 0.1), small.dataset(), 0)
