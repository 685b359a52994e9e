"""docs/measured-tables.md: its names, its units, its mapping and its error are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from device_models.errors import ProfileError
from device_models.measured import read_cells
from device_models.measured.roles import ALIASES, Mapping
from device_models.measured.units import UNITS
from tests.device_models.measured.files import written


@pytest.fixture
def page(repo_root: Path) -> str:
    return (repo_root / "docs" / "measured-tables.md").read_text()


def test_names_and_units_of_the_table_are_all(page: str) -> None:
    table = page[page.index("| column"):page.index("Columns of other names")]
    names = {name for ranks in ALIASES.values() for rank in ranks for name in rank}
    assert set(re.findall(r"`(\w+)`", table)) == names - {"time_point", "nominal_time"}
    units = [set(row.split("|")[3].replace(";", "").split()) for row in table.strip().splitlines()[2:]]
    assert set().union(*units) == {unit for quantity in UNITS.values() for unit in quantity}


def test_keys_of_the_mapping_are_all_and_its_example_is_read(page: str, tmp_path: Path) -> None:
    keys = page[page.index("Its keys:"):].split(".")[0]
    assert set(re.findall(r"`(\w+)`", keys)) == set(Mapping.model_fields)
    mapping = written(tmp_path, page.split("```json\n")[1].split("```")[0], "m.json")
    cells = read_cells([written(tmp_path, "31;0.01;0\n32;0.02;1\n", "x.csv")], mapping=mapping)
    assert cells.level.tolist() == [15, 0] and cells.g_uS.tolist() == [10, 20] and cells.time_s.tolist() == [0, 3600]


def test_refusal_is_the_one_shown(page: str, tmp_path: Path) -> None:
    with pytest.raises(ProfileError) as error:
        read_cells([written(tmp_path, "cell,level,g\n1,0,1\n2,1,2\n")])
    assert str(error.value).removeprefix(f"{tmp_path}/") in page
