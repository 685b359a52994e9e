"""The comparison of the methods against numbers worked out another way."""

import numpy as np
import pytest

from device_models.array.wires import Wires
from device_models.array.wires.compare import method_errors
from device_models.array.wires.reference import sparse_output_currents
from device_models.errors import ProfileError


def test_errors_of_leaving_the_wires_out_follow_from_the_sparse_solution():
    rng = np.random.default_rng(0)
    cells, inputs, wires = rng.uniform(1, 200, (20, 7)), rng.random((5, 20)), Wires(5.0, 3.0)
    exact, plain = sparse_output_currents(cells, inputs, wires), inputs @ cells
    taken, errors = method_errors(cells, inputs, wires)
    ignored = {error.method: error for error in errors}["no wires"]
    assert taken == pytest.approx(100 * (plain.sum() - exact.sum()) / plain.sum())
    assert ignored.columns_percent == pytest.approx(100 * np.linalg.norm(plain - exact) / np.linalg.norm(exact))
    pair = exact[:, [0, 2, 4]] - exact[:, [1, 3, 5]]  # the seventh column has no partner
    wrong = plain[:, [0, 2, 4]] - plain[:, [1, 3, 5]] - pair
    assert ignored.pairs_percent == pytest.approx(100 * np.linalg.norm(wrong) / np.linalg.norm(pair))
    assert ignored.worst_percent >= ignored.columns_percent


def test_each_method_is_better_than_the_one_before():
    rng = np.random.default_rng(1)
    _, errors = method_errors(rng.uniform(1, 200, (40, 40)), rng.random((5, 40)), Wires(2.0, 2.0))
    assert [e.method for e in errors] == ["no wires", "attenuation", "attenuation + sneak paths"]
    assert errors[0].columns_percent > 5 * errors[1].columns_percent > 50 * errors[2].columns_percent


def test_open_cells_have_no_relative_error():
    with pytest.raises(ProfileError, match="^compare: no current flows"):
        method_errors(np.zeros((3, 2)), np.ones((1, 3)), Wires(1, 1))


def test_one_column_has_no_pair():
    with pytest.raises(ProfileError, match="^compare: 1 column is not >= 2, a pair$"):
        method_errors(np.ones((3, 1)), np.ones((1, 3)), Wires(1, 1))
