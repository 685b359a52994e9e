"""The trained networks of a recipe: shipped with the package, kept from an earlier run, or trained now.

A network is known by all that made it: recipe, profile, data, seed, the networks it starts from, and VERSION. So a
shipped or kept network is used only where today's recipe is the one that it was made by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from host_tools import console
from host_tools.data import Dataset
from host_tools.record import key_of_parts, load_model, read_record, save_model, sha256
from host_tools.training.checkpoint import SUFFIX, Checkpoint
from host_tools.training.recipes import Recipe, StudentPlan, StudentRecipe

VERSION = 1  # raise it where the code of a training changes what comes out of it
ADDED = ("warm", "cycle", "reach", "calibrated", "whole")  # fields of a student's recipe that were not always there
SHIPPED = Path(__file__).parents[1] / "zoo"


@dataclass(frozen=True)
class Workshop:
    """Where the networks of `recipe` on `data` come from; `fresh`: train, whatever is shipped."""

    recipe: Recipe
    data: Dataset
    seed: int
    cache: Path
    fresh: bool = False
    tell: Callable[[str], None] = console.say

    def teacher(self) -> Path:
        """The ideal network."""
        made_by = {"teacher": asdict(self.recipe.teacher)}

        def train(checkpoint: Checkpoint) -> tuple[Any, dict[str, Any]]:
            from host_tools.training.train import train

            with console.progress("training the teacher", self.recipe.teacher.epochs) as bar:
                return train(self.data, self.recipe.teacher, self.seed, bar.advance, checkpoint)

        return self._network("teacher", made_by, train)

    def student(self, name: str = "student") -> Path:
        """The student of that plan; what it starts from and what chooses its mask come first."""
        plan = self.recipe.plan(name)
        profile = plan.device(self.recipe)
        teacher = self.teacher()
        start = None if plan.start == "teacher" else self.student(plan.start)
        helper = None if plan.mask_from is None else self.student(plan.mask_from)
        made_by = {
            "plan": _told(plan),
            "profile": profile.to_json(),
            "from": [key_of(path) if path else None for path in (teacher, start, helper)],
        }

        def train(checkpoint: Checkpoint) -> tuple[Any, dict[str, Any]]:
            from host_tools.training.distill import distill
            from host_tools.training.masks import masks_from

            masks = None
            if helper is not None and plan.mask is not None:
                masks = masks_from(load_model(helper), profile, self.data, plan.mask)
            with console.progress(f"training the student {name!r}", plan.recipe.epochs) as bar:
                model, record = distill(
                    self.data, load_model(teacher), profile, plan.recipe, self.seed, bar.advance,
                    start=load_model(start) if start else None, masks=masks, checkpoint=checkpoint,
                )  # fmt: skip
            return model, {**record, "teacher": {"file": teacher.name, "sha256": sha256(teacher)}}

        return self._network(name, made_by, train)

    def _network(
        self, name: str, made_by: dict[str, Any], train: Callable[[Checkpoint], tuple[Any, dict[str, Any]]]
    ) -> Path:
        key = self._key(made_by, self.data.fingerprint)
        shipped = SHIPPED / f"{self.recipe.name}-{name}.keras"
        if not self.fresh and shipped.exists() and key_of(shipped) == self._key(made_by, self._pixels(shipped)):
            return shipped
        path = self.cache / f"{self.recipe.name}-{name}-{key}.keras"
        if not path.exists():
            self.cache.mkdir(parents=True, exist_ok=True)
            self.tell(f"{path.name} is trained now, and kept in {self.cache}")
            partial = Checkpoint(path.with_name(path.name + SUFFIX), key, "the same command")
            with partial.kept(self.tell):
                model, record = train(partial)
            save_model(model, path, {**record, "key": key})
            partial.clear()
        return path

    def _key(self, made_by: dict[str, Any], pixels: str) -> str:
        what = {**made_by, "data": pixels, "seed": self.seed, "version": VERSION}
        return key_of_parts(what)

    def _pixels(self, shipped: Path) -> str:
        """The fingerprint of the data that a shipped network was trained on, if ours has the same labels: there are
        copies of CIFAR-10 in which a few images went through JPEG."""
        trained_on = read_record(shipped).get("trained_on", {})
        same = trained_on.get("labels") == self.data.labels
        return str(trained_on["fingerprint"]) if same else self.data.fingerprint


def _told(plan: StudentPlan) -> dict[str, Any]:
    """A plan as it goes into a key: fields that came later only where they say something, so that older keys hold."""
    told = asdict(plan)
    for name in ADDED:
        if told["recipe"][name] == getattr(StudentRecipe, name):
            del told["recipe"][name]
    return told


def key_of(path: Path) -> str:
    """What a network of a workshop is known by; any other: the digest of its file."""
    return str(read_record(path).get("key") or sha256(path))
