"""From measured cells to a profile: levels, spread after programming, relaxation; read noise and bakes where given.

    result = fit_profile(read_cells(...).half("a"), About(name="my-rram", source=..., licence=..., conditions=...))
    result.profile.to_json()
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from device_models.aging import AgedSpread, Bake, Relaxation, Retention
from device_models.errors import ProfileError
from device_models.fit.choice import Choice, choose
from device_models.fit.families import families, short
from device_models.fit.groups import Array, Groups, enough, group
from device_models.fit.read_noise import SeriesNoise, pooled_shares
from device_models.fit.relaxation import log_time_law
from device_models.fit.retention import ArrheniusFit, BakeStatistics
from device_models.fit.stuck import StuckRates, stuck_rates
from device_models.measured.cells import MeasuredCells
from device_models.measured.target import parse_target
from device_models.parts import Amount, Evidence, Levels, NoiseSpectrum, ReadNoise
from device_models.profile import DeviceProfile, Name
from device_models.validation import Document, Text, check
from device_models.validity import Validity


@dataclass(frozen=True)
class About:
    """What a profile says of itself, for people."""

    name: str
    source: str
    licence: str
    conditions: str


class _Head(Document):
    name: Name
    source: Text
    licence: Text
    conditions: Text


@dataclass(frozen=True)
class Bakes:
    """Bakes: the cells' readings, their change, and an activation energy where there are enough temperatures."""

    cells: MeasuredCells
    statistics: tuple[BakeStatistics, ...]
    arrhenius: ArrheniusFit | None = None


@dataclass(frozen=True)
class FitResult:
    """The profile, why its distribution, and what stands beside it: stuck-at rates, times left out, cells used.

    `far_levels`: levels whose median cell was not even nearest to its own target after programming.
    """

    profile: DeviceProfile
    choice: Choice
    stuck: StuckRates | None
    left_out_s: tuple[float, ...]
    n_cells: int
    n_rows: int
    far_levels: tuple[int, ...]


def fit_profile(
    cells: MeasuredCells, about: About, *, level_uS: str | None = None, family: str | None = None,
    noise: tuple[SeriesNoise, ...] = (), bakes: Bakes | None = None, half: str = "all",
) -> FitResult:
    """Fit `cells` (of which `half`, for the record). `level_uS`: the targets as an expression over `level`.

    Without it a level's target is the median of its cells at the first time. ProfileError: see `groups`, `choice`.
    """
    check(_Head, asdict(about), "profile to fit")
    everything = group(cells)
    groups = enough(everything)
    targets = level_targets(groups, level_uS)
    choice = choose(groups, targets, family)
    what = (f"{cells.n_cells} cells ({'all' if half == 'all' else f'half {half} by a hash of the cell'}), "
            f"{len(cells)} readings")
    evidence = Evidence(source=about.source, note=f"Fitted to {what}. {choice.why}. {_pooling(choice)}",
                        assumption=False)
    chosen = next(f for f in families(targets, choice.pooling) if f.name == choice.name)
    table = chosen.fit(groups)
    spreads = [chosen.spread([row[time] for row in table], targets, evidence) for time in range(len(groups.times_s))]
    profile = DeviceProfile(
        schema_version=1, name=about.name, licence=about.licence, source=about.source, conditions=about.conditions,
        description=f"Fitted to {what} by rram profile fit; {len(targets)} levels, {choice.name} spread.",
        validity=_validity(groups, targets, cells, evidence),
        levels=Levels(conductance_uS=tuple(map(float, targets)), evidence=_levels_evidence(
            about.source, level_uS)),
        programming=spreads[0],
        read_noise=read_noise(noise, targets, groups.levels) if noise else ReadNoise(),
        relaxation=_relaxation(groups, spreads, cells, evidence) if len(spreads) > 1 else None,
        retention=_retention(bakes, groups.levels, about.source) if bakes else None)
    left_out = tuple(t for t in everything.times_s if t not in groups.times_s)
    stuck = _stuck(bakes.cells if bakes else cells, targets)  # a cell of the bakes was programmed several times
    return FitResult(profile, choice, stuck, left_out, cells.n_cells, len(cells), far_levels(groups, targets))


def far_levels(groups: Groups, targets_uS: Array) -> tuple[int, ...]:
    """The levels whose median at the first time lies nearer to another level's target than to their own."""
    nearest = np.abs(groups.medians(0)[:, None] - targets_uS).argmin(axis=1)
    return tuple(level for i, level in enumerate(groups.levels) if nearest[i] != i)


def level_targets(groups: Groups, level_uS: str | None) -> Array:
    """Target conductances in uS of the levels; ProfileError where they do not rise."""
    if level_uS is None:
        targets, how = groups.medians(0), "the medians of their cells; give the targets by --level-uS"
    else:
        targets = parse_target(level_uS).evaluate({"level": np.array(groups.levels, dtype=np.float64)})
        targets, how = np.broadcast_to(targets, len(groups.levels)), f"--level-uS {level_uS!r}"
    targets = np.array([float(f"{target:.6g}") for target in targets])
    for i in range(len(targets)):
        if not (np.isfinite(targets[i]) and targets[i] > 0):
            raise ProfileError(f"{groups.source}: level {groups.levels[i]}: {targets[i]:g} uS is not > 0, from {how}")
        if i and targets[i] <= targets[i - 1]:
            raise ProfileError(f"{groups.source}: level {groups.levels[i]}: {targets[i]:.4g} uS is not > "
                               f"{targets[i - 1]:.4g} uS of level {groups.levels[i - 1]}, from {how}")
    return targets


def read_noise(noise: tuple[SeriesNoise, ...], targets_uS: Array, levels: tuple[int, ...]) -> ReadNoise:
    """Relative read noise of every level (rms within windows), linear in the level between the measured ones."""
    known = sorted({one.level for one in noise})
    mean = [float(np.mean([one.relative_window for one in noise if one.level == level])) for level in known]
    shares, window = pooled_shares(noise), noise[0].window_s
    evidence = Evidence(
        source="; ".join(sorted({one.source for one in noise})), assumption=False,
        note=(f"Root mean square within windows of {window:g} s over the mean, of {len(noise)} series at the levels "
              f"{', '.join(map(str, known))}; linear in the level between, held beyond. The emulation draws it anew at "
              "every read, the measured noise is slower (spectrum)."))
    spectrum = None if shares.slope is None else NoiseSpectrum(
        band_Hz=noise[0].band_Hz, slope=short(shares.slope), share_white=short(shares.white),
        share_flicker=short(shares.flicker), share_rtn=short(shares.rtn),
        evidence=evidence.model_copy(update={"note": "Mean shares of the power of the series in this band."}))
    relative = tuple(short(v) for v in np.interp(levels, known, mean))
    return ReadNoise(relative=Amount(value=relative, evidence=evidence), spectrum=spectrum)


def _pooling(choice: Choice) -> str:
    if choice.name != "quantiles":
        return "Each level and time by itself."
    return f"Levels pooled (device_models.fit.sharing): {choice.pooling}."


def _levels_evidence(source: str, level_uS: str | None) -> Evidence:
    note = "Medians of the cells at the first time." if level_uS is None else f"Targets in uS: {level_uS}."
    return Evidence(source=source, note=note, assumption=level_uS is not None)


def _validity(groups: Groups, targets: Array, cells: MeasuredCells, evidence: Evidence) -> Validity:
    heat = None if cells.temperature_C is None else (float(cells.temperature_C.min()), float(cells.temperature_C.max()))
    return Validity(conductance_uS=(float(targets[0]), float(targets[-1])), temperature_C=heat,
                    time_s=(groups.times_s[0], groups.times_s[-1]),
                    evidence=evidence.model_copy(update={"note": "What was measured."}))


def _relaxation(groups: Groups, spreads: list, cells: MeasuredCells, evidence: Evidence) -> Relaxation:  # type: ignore[type-arg]
    short = evidence.model_copy(update={"note": "As programming, at this time."})
    aged = tuple(AgedSpread(time_s=time, spread=spread.model_copy(update={"evidence": short}))
                 for time, spread in zip(groups.times_s[1:], spreads[1:], strict=True))
    heat = None if cells.temperature_C is None else float(np.median(cells.temperature_C))
    return Relaxation(temperature_C=heat, aged=aged, law=log_time_law(groups), evidence=evidence)


def _retention(bakes: Bakes, levels: tuple[int, ...], source: str) -> Retention:
    rows = []
    for one in bakes.statistics:
        if not set(levels) <= set(one.level.tolist()):
            raise ProfileError(f"bake at {one.temperature_C:g} C: it lacks levels of the table that is fitted")
        place = np.searchsorted(one.level, levels)
        rows.append(Bake(temperature_C=one.temperature_C, time_s=one.time_s,
                         mean_shift_uS=tuple(short(v) for v in one.mean_shift_uS[place]),
                         sd_uS=tuple(short(v) for v in one.sd_uS[place])))
    fit = bakes.arrhenius
    energy = fit.activation_energy_eV if fit is not None and fit.supported else None
    note = "Change of the cells in each bake." + (f" {fit.statement}" if fit is not None else "")
    return Retention(bakes=tuple(rows), activation_energy_eV=energy,
                     evidence=Evidence(source=source, note=note, assumption=False))


def _stuck(cells: MeasuredCells, targets: Array) -> StuckRates | None:
    try:
        return stuck_rates(cells, float(targets[-1]))
    except ProfileError:  # read once, or no level that could show it: then there is nothing to say
        return None
