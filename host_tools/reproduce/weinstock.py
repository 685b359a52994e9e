"""Weinstock et al., ORSS 2023: integer training, row rename, row reorder.

Only the abstract was at hand. How it is read: host_tools/integer (training), host_tools/mapping/rows (rows).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from device_models.profile import DeviceProfile
from host_tools import console
from host_tools.data import Dataset, load
from host_tools.integer.orders import Reordered, ReorderSetting, orders_of, study
from host_tools.integer.recipe import IntegerRecipe, recipe_for
from host_tools.integer.report import Tied, figures, row_counts
from host_tools.record import key_of_parts, sha256
from host_tools.reproduce.claim import Claim, Setting
from host_tools.training import recipes
from host_tools.training.workshop import Workshop

PAPER = "Weinstock, ORSS 2023"
PAPERS = (PAPER,)  # whose claims are measured here
ACCURACY, RENAME, REORDER = 96.66, 45.24, 5.6  # per cent, the paper's
ACCURACY_GOAL, RENAME_GOAL, REORDER_GOAL = 98.5, 50.0, 8.0
ROWS_A_KIND = 5  # rows of the last layer for each physical one: chosen on validation images (docs/integer.md)
TIED_EPOCHS = 2
CURRENTS = (0.05, 0.1, 0.2, 0.3)
STATED = 0.2  # the noise of a bit line over its current at which the claim is stated
VERSION = 1  # raise it where the code of a training changes what comes out of it


def claims(setting: Setting) -> list[Claim]:
    """Every row. Quick: digits, ten chips, about a minute on two quiet cores. Full: LeNet-5 on MNIST, 50 chips, about
    five minutes beside the teacher."""
    name = "digits" if setting.quick else "mnist"
    folder = None if setting.data_dir is None or setting.quick else f"{setting.data_dir}/{name}"
    data = load(name, folder)
    recipe = recipes.get("digits" if setting.quick else "mnist-lenet5")
    workshop = Workshop(recipe, data, setting.seed, setting.cache / "networks", setting.retrain, setting.tell)
    networks = Networks(data, setting, workshop.teacher(), recipe_for(data))
    made_of = [data.fingerprint, sha256(networks.teacher), asdict(networks.recipe)]
    return setting.paper("weinstock", made_of, partial(_measured, networks))


def _measured(networks: Networks, figures: Path) -> list[Claim]:
    drawn = replace(networks, setting=replace(networks.setting, figures=figures))
    return [*training(drawn), *renaming(drawn), *reordering(drawn, 10 if drawn.setting.quick else 50)]


@dataclass(frozen=True)
class Networks:
    """The integer networks of one data set, trained from the ideal one at `teacher` once, and kept."""

    data: Dataset
    setting: Setting
    teacher: Path
    recipe: IntegerRecipe

    @property
    def words(self) -> str:
        """The setting of every row."""
        return f"{self.free().name}, {self.data.name}, {len(self.data.y_test):,} test images"

    def free(self) -> Any:
        """The integer network, its rows as they come."""
        from host_tools.integer.train import train

        def made(advance: Any) -> tuple[Any, dict[str, Any]]:
            return train(self.data, self._load(self.teacher), self.recipe, self.setting.seed, advance)

        return self._kept("free", self.recipe, {}, made)

    def tied(self) -> tuple[Any, int]:
        """The same with the rows of its last layer tied, and to how many."""
        from host_tools.integer.tie import tie
        from host_tools.integer.train import tune

        free = self.free()
        layer = free.layers[-2]  # behind it the factor of the loss
        rows = max(layer.kernel.shape[0] // ROWS_A_KIND, 1)
        epochs = max(TIED_EPOCHS, self.recipe.epochs // 7)
        recipe = replace(self.recipe, epochs=epochs, peak=self.recipe.peak / 5)

        def made(advance: Any) -> tuple[Any, dict[str, Any]]:
            seed, teacher = self.setting.seed, self._load(self.teacher)
            return tune(self.data, tie(free, layer.name, rows, seed), teacher, recipe, seed, advance)

        return self._kept("tied", recipe, {"rows": rows, "from": asdict(self.recipe)}, made), rows

    def _load(self, path: Path) -> Any:
        from host_tools.integer import layers  # noqa: F401  (registers them with Keras)
        from host_tools.record import load_model

        return load_model(path)

    def _kept(
        self, name: str, recipe: IntegerRecipe, more: dict[str, Any], made: Callable[[Any], tuple[Any, dict[str, Any]]]
    ) -> Any:
        """A network from the cache, or trained now; known by recipe, data, seed and teacher."""
        from host_tools.record import save_model

        what = [asdict(recipe), more, self.data.fingerprint, self.setting.seed,
                sha256(self.teacher), VERSION]  # fmt: skip
        key = key_of_parts(what)
        path = self.setting.cache / "networks" / f"integer-{self.data.name}-{name}-{key}.keras"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with console.progress(f"training the integer network ({name})", recipe.epochs) as bar:
                trained, record = made(bar.advance)
            save_model(trained, path, record)
        return self._load(path)


def training(networks: Networks) -> list[Claim]:
    """Accuracy of the network that computes with integers alone."""
    found = figures(networks.free(), networks.data)
    words = f"{networks.words}, {found['weights']:,} weights of 1 bit, 2-bit activations, integer sums to the end"
    value = found["test_accuracy"]
    met = None if networks.setting.quick else value >= ACCURACY_GOAL
    return [Claim(PAPER, "integer training: accuracy", ACCURACY, value, None, words, met)]


def renaming(networks: Networks) -> list[Claim]:
    """Rows that the last layer and the whole network do without; the figure with the network as trained."""
    from host_tools.integer.fold import integer_network
    from host_tools.plots.integer_rename import figure

    free, (tied, count) = networks.free(), networks.tied()
    results = [Tied(None, row_counts(integer_network(free)), figures(free, networks.data)),
               Tied(count, row_counts(integer_network(tied)), figures(tied, networks.data))]  # fmt: skip
    layer = integer_network(tied).analog[-1].name
    _picture(networks.setting, "weinstock-rename.png", figure(results, layer, networks.words))
    without, shared = (r.figures["test_accuracy"] for r in results)
    before, last = (r.of(layer) for r in results)
    words = (f"{networks.words}; {last.rows} rows on {last.physical}, trained to share; accuracy {shared:.2f} %,"
             f" without sharing {without:.2f} %")  # fmt: skip
    whole = results[1].of("network")
    return [
        Claim(PAPER, "row rename: area of the last layer saved", RENAME, last.saved, None, words,
              last.saved >= RENAME_GOAL),
        Claim(PAPER, "row rename: area of the last layer saved, no training for it", None, before.saved, None,
              f"{networks.words}; {before.rows} rows on {before.physical}", None),
        Claim(PAPER, "row rename: cells of the whole network saved", None, whole.saved, None,
              f"{networks.words}; {whole.cells:,} cells to {whole.left:,}, {whole.additions:,} additions", None),
    ]  # fmt: skip


def reordering(networks: Networks, chips: int) -> list[Claim]:
    """How much less the last layer's sums are off, and how much less of that is what noise adds on the same cells."""
    from host_tools.integer.fold import integer_network
    from host_tools.plots.integer_reorder import figure

    arrays, profile = integer_network(networks.free()), DeviceProfile.load("techA")
    setting = ReorderSetting(profile, currents=CURRENTS, chips=chips, seed=networks.setting.seed)
    with console.progress("measuring orders of rows", len(CURRENTS) * chips) as bar:
        found = study(arrays, networks.data, orders_of(arrays, networks.data, setting), setting, bar.advance)
    source = f"{networks.words}, {profile.name}, {chips} chips"
    _picture(networks.setting, "weinstock-reorder.png", figure(found, source))
    stated = next(r for r in found if r.current == STATED)
    goal = REORDER if networks.setting.quick else REORDER_GOAL  # ours is stated for the paper's 84 rows
    return [
        Claim(PAPER, f"row reorder: {what} of the last layer cut", REORDER, found_cut[0], None,
              _words(source, setting, stated, found_cut), found_cut[0] >= goal, chips, goal=goal)
        for what, found_cut in (("error", stated.cut), ("error that noise adds in the sums", stated.added_cut))
    ]  # fmt: skip


def _words(source: str, setting: ReorderSetting, found: Reordered, its_cut: tuple[float, float, float]) -> str:
    accuracy = [found.outcome[name].accuracy.mean() for name in ("trained", "reordered")]
    return (f"{source}, {setting.rows_active} rows at once, {setting.adc_bits}-bit ADC, bit-line noise"
            f" {100 * found.current:g} % of its current; 95 % interval {its_cut[1]:.1f} to {its_cut[2]:.1f};"
            f" all error against a random order {found.random_cut[0]:.1f}; accuracy {accuracy[0]:.2f} to"
            f" {accuracy[1]:.2f} %")  # fmt: skip


def _picture(setting: Setting, name: str, figure: Any) -> None:
    setting.figures.mkdir(parents=True, exist_ok=True)
    figure.savefig(setting.figures / name, dpi=110)
