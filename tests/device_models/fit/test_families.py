"""The four families against closed forms, and their documents against the distributions they write down."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from device_models.compile import spread_distribution
from device_models.fit.families import PROBABILITY, families
from device_models.fit.sharing import ALONE, Pooling
from device_models.parts import Evidence
from device_models.profile import DeviceProfile
from tests.device_models.documents import EVIDENCE, document
from tests.device_models.fit.tables import generator, groups

TARGETS = np.array([50.0, 100.0, 200.0])
BY_ITSELF = Pooling(((1.0, ALONE),))
CELLS = groups([[target * generator(i).lognormal(0.02, 0.1, 200 + i)] for i, target in enumerate(TARGETS)])
FITTED = {family.name: family.fit(CELLS) for family in families(TARGETS, BY_ITSELF)}


def test_simplest_first() -> None:
    assert list(FITTED) == ["normal", "log-normal", "gaussian-mixture", "quantiles"]


@pytest.mark.parametrize("level", range(3))
def test_fits_are_those_of_the_textbook(level: int) -> None:
    x = CELLS.values[level][0]
    p = np.linspace(0.01, 0.99, 99)
    normal, log_normal, _, quantiles = (FITTED[name][level][0] for name in FITTED)
    np.testing.assert_allclose(normal.ppf(p), stats.norm(x.mean(), x.std(ddof=1)).ppf(p))
    log = np.log(x)
    np.testing.assert_allclose(log_normal.ppf(p), stats.lognorm(log.std(ddof=1), scale=np.exp(log.mean())).ppf(p))
    inner = PROBABILITY[1:-1]
    np.testing.assert_allclose(quantiles.ppf(inner), np.quantile(x, inner, method="hazen"))
    assert quantiles.ppf([0, 1]).tolist() == [x.min(), x.max()]


@pytest.mark.parametrize("family", families(TARGETS, BY_ITSELF), ids=lambda family: family.name)
def test_a_document_says_the_distribution_that_was_fitted(family) -> None:  # type: ignore[no-untyped-def]
    row = [levels[0] for levels in FITTED[family.name]]
    spread = family.spread(row, TARGETS, Evidence(**EVIDENCE))
    assert spread.distribution == family.name
    profile = DeviceProfile.from_dict(document(levels={"conductance_uS": TARGETS.tolist(), "evidence": EVIDENCE},
                                               programming=spread.model_dump(exclude_none=True)))
    p = np.linspace(0.001, 0.999, 501)
    for level, fitted in enumerate(row):
        written = spread_distribution(profile, profile.programming, level)
        np.testing.assert_allclose(written.ppf(p), fitted.ppf(p), rtol=2e-4)
        np.testing.assert_allclose(written.cdf(fitted.ppf(p)), p, atol=2e-3)


def test_equal_cells_have_a_distribution_all_the_same() -> None:
    flat = groups([[np.full(40, 50.0)], [np.full(40, 60.0)]])
    for family in families(np.array([50.0, 60.0]), BY_ITSELF):
        below, above = (family.fit(flat)[0][0].cdf(g) for g in (49.9, 50.1))
        assert (float(below), float(above)) == (0, 1)
