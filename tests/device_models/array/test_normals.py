"""The fast Gaussian draws: scipy's normal distribution, independent of one another, a function of the read alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from device_models.array.normals import ReadStream, make_noise, words_for
from device_models.array.scratch import Scratch

F32 = npt.NDArray[np.float32]


def noise(variance: npt.ArrayLike, seed: int = 1, read: int = 0, part: int = 0, layer: int = 0) -> F32:
    v = np.array(variance, np.float32)
    return make_noise(v, ReadStream(seed, layer).words(read, part, words_for(v.size)), Scratch())


def test_the_distribution_is_normal() -> None:
    z = noise(np.full((500, 801), 4.0)) / 2
    assert stats.kstest(z.ravel(), "norm").pvalue > 0.01
    assert stats.kstest(np.abs(z).max(axis=1), lambda x: (2 * stats.norm.cdf(x) - 1) ** 801).pvalue > 0.01  # the tails
    assert abs(stats.kurtosis(z.ravel())) < 5 * np.sqrt(24 / z.size)


def test_the_two_draws_of_a_word_are_independent() -> None:
    z = noise(np.ones(200_000)).reshape(2, -1)
    assert abs(np.corrcoef(z)[0, 1]) < 5 / np.sqrt(100_000)
    assert abs(np.corrcoef(z**2)[0, 1]) < 5 / np.sqrt(100_000)
    turn = np.arctan2(z[1], z[0]) / (2 * np.pi) % 1
    assert stats.kstest(turn, "uniform").pvalue > 0.01


def test_each_element_has_its_own_variance() -> None:
    sd = np.linspace(0, 3, 41)
    z = np.stack([noise(sd**2, read=i) for i in range(3000)])
    assert np.all(z[:, 0] == 0)
    np.testing.assert_allclose(z.std(axis=0), sd, rtol=5 / np.sqrt(2 * 3000))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_any_number_of_draws(size: int) -> None:
    z = noise(np.ones(size))
    assert z.shape == (size,) and np.isfinite(z).all() and len(set(z.tolist())) == size


def test_seed_layer_read_and_part_name_a_draw() -> None:
    base = noise(np.ones(1000))
    np.testing.assert_array_equal(noise(np.ones(1000)), base)
    for other in ({"seed": 2}, {"layer": 1}, {"read": 1}, {"part": 1}, {"read": 2**63}):
        assert abs(np.corrcoef(noise(np.ones(1000), **other), base)[0, 1]) < 5 / np.sqrt(1000), other


def test_a_stream_has_no_memory() -> None:
    stream = ReadStream(7, 2)
    first = stream.words(5, 1, 33).copy()
    stream.words(6, 0, 1000)
    np.testing.assert_array_equal(stream.words(5, 1, 33), first)
    raw = np.random.Philox(key=np.array([7, 3 << 32 | 2], np.uint64), counter=np.array([0, 1, 5, 0], np.uint64))
    np.testing.assert_array_equal(first, raw.random_raw(17).view(np.uint32)[:33])
