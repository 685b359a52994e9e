"""Hyper-parameters, frozen and named. They were chosen on validation parts, never on a test set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from device_models.derive import with_levels
from device_models.profile import DeviceProfile
from host_tools.errors import HostError
from host_tools.mapping.mask import MaskChoice
from host_tools.training.augment import Affine, Augment, CropFlip

Optimizer = Literal["adam", "sgd"]


@dataclass(frozen=True)
class TeacherRecipe:
    """How an ideal network is trained, by one cycle of the learning rate up to `peak`.

    optimizer: "adam", or "sgd" with Nesterov's momentum and `weight_decay` (per step, times the learning rate, weights
    only). ema: decay per step of the average of the weights over the second half, which is kept; None: the last ones.
    """

    model: str = "auto"
    epochs: int = 20
    batch: int = 128
    peak: float = 3e-3
    optimizer: Optimizer = "adam"
    weight_decay: float = 0.0
    ema: float | None = None
    augment: Augment | None = field(default_factory=Affine)


@dataclass(frozen=True)
class StudentRecipe:
    """How a student learns from the teacher with cells in the loop.

    clip, learn_clip, scale, quantizer, gradient: host_tools.conversion.Conversion. group: samples that share one draw
    of the cells. kd: weight of the teacher's answers against the labels, at `temperature` (0: plain noise injection,
    VAT); features: weight of the distance between both networks' layers. ema, optimizer: as a teacher's. variation:
    deviation of the cells in training beside the profile's own; it rises to it over the first `ramp` of the steps.
    exact_share: share of the draws in which the weights of the mask, if one is given, are exact, and reach:
    how far those may go, in units of the outermost level's weight. warm: share of the cycle in which the learning rate
    rises; cycle: its epochs where the training is only its beginning, from which another one goes on. calibrated: each
    draw's columns are fitted to the noise-free ones, as on a board that is calibrated before it is used. whole: train
    on the validation part, too, once nothing is to be chosen any more; the record then has no validation figures.
    """

    epochs: int = 24
    batch: int = 128
    peak: float = 3e-3
    clip: float = 0.8
    group: int = 16
    kd: float = 0.9
    temperature: float = 4.0
    features: float = 0.0
    ema: float | None = 0.9995
    augment: Augment | None = field(default_factory=Affine)
    optimizer: Optimizer = "adam"
    weight_decay: float = 0.0
    learn_clip: bool = False
    scale: Literal["per-layer", "per-channel"] = "per-layer"
    quantizer: str = "nearest"
    gradient: Literal["slope", "straight-through"] = "slope"
    variation: float = 1.0
    ramp: float = 0.0
    exact_share: float = 1.0
    warm: float = 0.25
    cycle: int | None = None
    reach: float = 1.0
    calibrated: bool = False
    whole: bool = False


@dataclass(frozen=True)
class StudentPlan:
    """One student of a recipe: how it learns, and from what.

    start: "teacher", or the student whose weights it starts from. mask: the SRAM values that it knows of, chosen by
    the student `mask_from`. profile: another than the recipe's, at `levels_uS` where they are given.
    """

    recipe: StudentRecipe
    start: str = "teacher"
    mask_from: str | None = None
    mask: MaskChoice | None = None
    profile: str | None = None
    levels_uS: tuple[float, ...] | None = None

    def device(self, recipe: Recipe) -> DeviceProfile:
        """The technology it is trained for."""
        profile = DeviceProfile.load(self.profile or recipe.profile)
        return profile if self.levels_uS is None else with_levels(profile, self.levels_uS)


@dataclass(frozen=True)
class Recipe:
    """A whole way on one data set: teacher, then student for a profile; `more` students by name.

    student_from: what "student" starts from, "teacher" or one of `more`. short: how `rram distill` trains where it is
    not told, on two cores; None: as "student".
    """

    name: str
    data: str
    profile: str
    teacher: TeacherRecipe
    student: StudentRecipe
    more: Mapping[str, StudentPlan] = field(default_factory=dict)
    student_from: str = "teacher"
    short: StudentRecipe | None = None

    @property
    def by_hand(self) -> StudentRecipe:
        """The student of a user who starts from a teacher and has no GPU."""
        return self.short or self.student

    def plan(self, student: str) -> StudentPlan:
        """The plan of "student" or of one of `more`; HostError with the names there are."""
        if student == "student":
            return StudentPlan(self.student, self.student_from)
        if student not in self.more:
            names = ", ".join(["student", *self.more])
            raise HostError(f"recipe {self.name}: student {student!r} is unknown, expected one of {names}")
        return self.more[student]


TEN_OF_B = (2.0, 14.0, 30.0, 42.0, 58.0, 70.0, 86.0, 98.0, 114.0, 126.0)  # ten of technology B's 32, evenly
SRAM = MaskChoice(sram_percent=2.34)
AREA = MaskChoice(area_percent=7.86, value_bits=8)  # the paper's 7.86 %, as the macro model counts it
AREA_6, AREA_4 = replace(AREA, value_bits=6), replace(AREA, value_bits=4)


def masked(usable: StudentRecipe, aware: StudentRecipe) -> dict[str, StudentPlan]:
    """Students that know the mask which "student" chooses: one usable at once, two that need calibration."""
    return {
        "usable": StudentPlan(usable, start="student", mask_from="student", mask=SRAM),
        "aware": StudentPlan(aware, mask_from="student", mask=SRAM),
        "area": StudentPlan(aware, mask_from="student", mask=AREA),
    }


MNIST_STUDENT = StudentRecipe(epochs=200, clip=0.55, scale="per-channel")
MNIST_AWARE = replace(MNIST_STUDENT, epochs=60, group=32, calibrated=True)
MNIST_USABLE = replace(MNIST_AWARE, group=16, exact_share=0.6, whole=True)
DIGITS = StudentRecipe(epochs=90, batch=64, peak=6e-3, clip=0.6, ema=0.995, augment=Affine(8.0, 0.05, 0.5))
CIFAR_TEACHER = TeacherRecipe("resnet8", epochs=100, peak=0.2, optimizer="sgd", weight_decay=5e-4, augment=CropFlip())
CIFAR_RAW = StudentRecipe(
    epochs=12, peak=0.075, warm=0.0, optimizer="sgd", clip=0.8, scale="per-channel", group=32, augment=CropFlip()
)
# Each chip's column statistics are estimated anew before it is used: trained on, in the knowledge that they will be.
CIFAR_STUDENT = replace(CIFAR_RAW, epochs=27, peak=0.06, calibrated=True)
CIFAR_AREA = replace(CIFAR_RAW, epochs=14, peak=0.05)
# Twice more from there, with as many more exact weights as values of 6 bits, then of 4, leave room for.
CIFAR_NARROW = replace(CIFAR_AREA, epochs=18, peak=0.04, calibrated=True)
CIFAR_SHORT = replace(CIFAR_RAW, epochs=30, peak=0.1, warm=0.25)
# The first half of a long cycle; "raw" comes down from there in a few epochs.
CIFAR_BEGUN = replace(CIFAR_RAW, epochs=80, cycle=160, peak=0.1, warm=0.25, ema=None)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "mnist-lenet5",
            "mnist",
            "charan-65nm",
            TeacherRecipe("lenet5", epochs=60, ema=0.9995),
            MNIST_STUDENT,
            {
                **masked(MNIST_USABLE, MNIST_AWARE),
                "area": StudentPlan(replace(MNIST_AWARE, whole=True), mask_from="student", mask=AREA),
                "techB": StudentPlan(replace(MNIST_STUDENT, epochs=30), profile="techB", levels_uS=TEN_OF_B),
                "techB-aware": StudentPlan(replace(MNIST_AWARE, epochs=45), mask_from="techB", mask=SRAM,
                                           profile="techB", levels_uS=TEN_OF_B),
            },
            short=replace(MNIST_STUDENT, epochs=30),
        ),
        Recipe(
            "digits",
            "digits",
            "charan-65nm",
            TeacherRecipe("tiny", epochs=60, batch=64, augment=Affine(8.0, 0.05, 0.5)),
            DIGITS,
            masked(replace(DIGITS, epochs=30, exact_share=0.6), replace(DIGITS, epochs=60)),
        ),
        Recipe(
            "cifar10-resnet8",
            "cifar10",
            "charan-65nm",
            CIFAR_TEACHER,
            CIFAR_STUDENT,
            {
                "begun": StudentPlan(CIFAR_BEGUN),
                "raw": StudentPlan(CIFAR_RAW, "begun"),
                "area-8": StudentPlan(CIFAR_AREA, "raw", "raw", AREA),
                "area-6": StudentPlan(CIFAR_NARROW, "area-8", "raw", AREA_6),
                "area": StudentPlan(replace(CIFAR_NARROW, epochs=24), "area-6", "raw", AREA_4),
            },
            student_from="raw",
            short=CIFAR_SHORT,
        ),
        Recipe(
            "cifar10-resnet8-w32",
            "cifar10",
            "charan-65nm",
            replace(CIFAR_TEACHER, model="resnet8-w32", epochs=80),
            replace(CIFAR_BEGUN, epochs=61, cycle=80),
            {
                "area-8": StudentPlan(replace(CIFAR_AREA, epochs=8, peak=0.03, reach=4.0), "student", "student", AREA),
                "area": StudentPlan(replace(CIFAR_NARROW, epochs=9, peak=0.03, reach=2.0), "area-8", "student", AREA_4),
            },
            short=CIFAR_SHORT,
        ),
    )
}


def get(name: str) -> Recipe:
    """The recipe of this name, or HostError with the names there are."""
    if name not in RECIPES:
        raise HostError(f"--recipe: {name!r} is unknown, expected one of {', '.join(RECIPES)}")
    return RECIPES[name]


def for_data(name: str) -> Recipe:
    """The recipe for a data set: its own where there is one, else MNIST's with the model chosen by the images."""
    own = [recipe for recipe in RECIPES.values() if recipe.data == name]
    if own:
        return own[0]
    base = RECIPES["mnist-lenet5"]
    return Recipe(name, name, base.profile, TeacherRecipe("auto"), base.by_hand)
