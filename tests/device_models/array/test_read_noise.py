"""Read noise at the output has the distribution of one draw per cell; the factorised form states its error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from device_models.array.array import Array
from device_models.array.effects import Effects
from device_models.array.read_noise import FactorisedVariance, NoiseKind
from device_models.compile import compile_profile
from device_models.profile import DeviceProfile
from tests.device_models.array.setup import F64, MACROS, matrix, profile, vectors
from tests.device_models.documents import EVIDENCE

NOISY = profile(6.0, 0.5)  # sigma = 0.5 uS + 0.05 G
READS = 4000


def array(pairing: str, device: DeviceProfile = NOISY, noise: NoiseKind = "exact") -> Array:
    return Array.program(matrix(30, 6), device, MACROS[pairing], clip=1.0, seed=2, noise=noise,
                         effects=Effects.only("levels", "programming", "read_noise"))


def drawn_per_cell(made: Array, x: F64, reads: int) -> F64:
    """The same reads with one draw per cell: every cell, reference cells too, has Gaussian noise of its own."""
    rng = np.random.default_rng(11)
    cells, out = made.cells, np.zeros((reads, made.shape[1]))
    tile = np.arange(made.shape[1]) // made.chip.macro.weights_per_row
    for i in range(reads):
        def read(g: F64) -> F64:
            return g + (0.5 + 0.05 * g) * rng.standard_normal(g.shape)

        g = read(cells.g_uS)
        reference = None if cells.reference_uS is None else read(cells.reference_uS)
        for column in cells.targets.columns:
            minus = g[column.minus] if column.minus is not None else reference[tile, column.plus].T  # type: ignore[index]
            out[i] += column.place * (x @ (g[column.plus] - minus))
    return out * cells.targets.weight_per_uS


@pytest.mark.parametrize("pairing", MACROS)
def test_the_distribution_is_that_of_one_draw_per_cell(pairing: str) -> None:
    made, x = array(pairing), vectors(1, 30, signed=True)
    found = np.concatenate([made.multiply(np.repeat(x, 500, axis=0), read) for read in range(READS // 500)])
    expected = drawn_per_cell(made, x[0], READS)
    for j in range(6):
        assert stats.ks_2samp(found[:, j], expected[:, j]).pvalue > 1e-3, j
    np.testing.assert_allclose(np.cov(found.T), np.cov(expected.T), atol=0.12 * expected.var(axis=0).max())
    shared = np.corrcoef(found.T)[np.triu_indices(6, 1)].mean()  # the columns of a tile share its reference column
    assert (shared > 0.2) == (pairing != "differential"), shared


def test_the_variance_is_the_sum_over_cells() -> None:
    made, x = array("differential"), vectors(1, 30)
    compiled, level = compile_profile(NOISY), made.cells.targets.level
    assert np.allclose(compiled.read_b[level], 0.05)
    variance = x[0] ** 2 @ np.sum((0.5 + 0.05 * made.cells.g_uS) ** 2, axis=0) * made.cells.targets.weight_per_uS**2
    found = np.concatenate([made.multiply(np.repeat(x, 500, axis=0), read) for read in range(READS // 500)])
    np.testing.assert_allclose(found.var(axis=0) / variance, 1, atol=5 * np.sqrt(2 / READS))


@pytest.mark.parametrize("noise", ["exact", "factorised"])
@pytest.mark.parametrize("pairing", MACROS)
def test_fine_converters_leave_the_noise_as_it_is(pairing: str, noise: NoiseKind) -> None:
    """The array works in codes of DAC and ADC: their units must not show."""
    x = np.repeat(vectors(1, 30), 500, axis=0)
    macro = MACROS[pairing].model_copy(update={"adc_bits": 16})
    effects = Effects.only("levels", "programming", "read_noise")
    plain, fine = (Array.program(matrix(30, 6), NOISY, macro, clip=1.0, seed=2, noise=noise, sample=3 * x, effects=e)
                   for e in (effects, replace(effects, dac=True, adc=True)))
    noises = [np.concatenate([a.multiply(x, read) for read in range(4)]) for a in (plain, fine)]
    np.testing.assert_allclose(noises[1].std(axis=0) / noises[0].std(axis=0), 1, atol=0.02)  # the draws are the same


def test_no_noise_in_the_profile_is_no_noise() -> None:
    quiet, x = array("differential", profile(6.0)), vectors(3, 30)
    np.testing.assert_array_equal(quiet.multiply(x, 0), quiet.multiply(x, 1))


def test_factors_are_exact_where_noise_does_not_depend_on_the_cell() -> None:
    """Absolute noise alone: every variance the same."""
    level_free = profile(6.0, read_noise={"absolute_uS": {"value": 0.5, "evidence": EVIDENCE}})
    x = vectors(8, 30)
    exact, fast = (array("differential", level_free, kind).multiply(x) for kind in ("exact", "factorised"))
    np.testing.assert_allclose(fast, exact, rtol=1e-4, atol=1e-5)


def test_factors_keep_the_sum_over_columns_and_are_exact_for_inputs_that_are_alike() -> None:
    variance = np.random.default_rng(3).lognormal(0, 1, (64, 40))
    factors, squares = FactorisedVariance.of(variance), vectors(5, 64) ** 2
    found = factors(squares.astype(np.float32), None)
    np.testing.assert_allclose(found.sum(axis=1), (squares @ variance).sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(factors(np.ones((1, 64), np.float32), None)[0], variance.sum(axis=0), rtol=1e-5)


@pytest.mark.parametrize(("rows", "nonzero"), [(128, 1.0), (512, 1.0), (512, 0.25)])
def test_the_error_of_the_factors_is_as_stated(rows: int, nonzero: float) -> None:
    """rho / (2 sqrt(n)), within a quarter, for pairs of charan-65nm."""
    device = DeviceProfile.load("charan-65nm")
    made = Array.program(matrix(rows, 64), device, clip=1.0, effects=Effects.only("levels", "programming"))
    g = made.cells.g_uS
    variance = np.sum((0.02 * g) ** 2, axis=0)
    rng = np.random.default_rng(5)
    squares = (rng.uniform(0, 1, (50, rows)) * (rng.random((50, rows)) < nonzero)) ** 2
    factors = FactorisedVariance.of(variance)
    rho = np.std(variance / (factors.rows[:, None].astype(float) * factors.columns))
    # inputs that are all alike have no error at all: only how squares differ counts
    spread = (squares - squares.mean(axis=1, keepdims=True)) / squares.sum(axis=1, keepdims=True)
    stated = rho / 2 * np.sqrt((spread**2).sum(axis=1).mean())
    assert abs(factors.error(variance, squares) / stated - 1) < 0.25
    assert stated <= rho / 2 * np.sqrt(np.mean((squares**2).sum(axis=1) / squares.sum(axis=1) ** 2))
