"""Profiles for tests: small documents as parsed JSON, and a hypothesis strategy over all of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

EVIDENCE = {"source": "a test", "note": "made up", "assumption": True}
STEP = {"polynomial": [0.1, -0.05], "cycle_sd": 0.02, "reading_sd": 0.0, "pulses": 10}
HEAD = {"schema_version": 1, "name": "t", "description": "d", "source": "s", "licence": "l", "conditions": "c"}


def document(**parts: Any) -> dict[str, Any]:
    """Three levels, 10, 20 and 40 uS, normal spread of 1 uS; `parts` replace or add sections."""
    levels = {"conductance_uS": [10.0, 20.0, 40.0], "evidence": EVIDENCE}
    spread = {"distribution": "normal", "reference": "absolute_uS", "sigma": 1.0, "evidence": EVIDENCE}
    return {**HEAD, "levels": levels, "programming": spread, **parts}


def _lists(element: st.SearchStrategy[float], n: int) -> st.SearchStrategy[list[float]]:
    return st.lists(element, min_size=n, max_size=n)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Any valid profile."""
    n = draw(st.integers(2, 6))
    steps = draw(_lists(st.floats(0.5, 100), n))
    levels = [sum(steps[: i + 1]) for i in range(n)]
    amount = st.floats(0, 0.4)
    per_level = st.one_of(amount, _lists(amount, n))
    text = st.text(min_size=1).filter(lambda s: bool(s.strip()))
    evidence = st.fixed_dictionaries({"source": text, "note": text, "assumption": st.booleans()})
    common = {"reference": st.sampled_from(["own_conductance", "full_scale", "absolute_uS"]), "evidence": evidence}
    k = draw(st.integers(0, 4))
    table = {
        "distribution": st.just("quantiles"), **common,
        "probability": st.just([0.0] + [(i + 1) / (k + 1) for i in range(k)] + [1.0]),
        "deviation": _lists(_lists(st.floats(-1, 1), k + 2).map(sorted), n),  # type: ignore[arg-type]
    }
    shift = st.one_of(st.floats(-0.2, 0.2), _lists(st.floats(-0.2, 0.2), n))
    c = draw(st.integers(1, 3))
    mixture = {
        "distribution": st.just("gaussian-mixture"), **common, "weight": st.just([[1 / c] * c] * n),
        "shift": _lists(_lists(st.floats(-1, 1), c), n),  # type: ignore[arg-type]
        "sigma": _lists(_lists(amount, c), n),  # type: ignore[arg-type]
    }
    spreads = st.one_of(
        st.fixed_dictionaries({"distribution": st.just("normal"), "sigma": per_level, **common},
                              optional={"shift": shift}),
        st.fixed_dictionaries(mixture),
        st.fixed_dictionaries({"distribution": st.just("log-normal"), "sigma": per_level,
                               "target_is": st.sampled_from(["mean", "median"]), **common}),
        st.fixed_dictionaries({"distribution": st.just("normal-log-normal-variance"), "sigma": per_level,
                               "variance_sigma": st.floats(0, 2), **common}),
        st.fixed_dictionaries(table))
    spread = draw(spreads)
    noise = st.fixed_dictionaries({"value": per_level, "evidence": evidence})
    share, conductance = st.floats(0, 0.5), st.floats(0, 100)
    stuck = st.fixed_dictionaries({"probability": share, "conductance_uS": conductance, "evidence": evidence})
    optional = draw(st.fixed_dictionaries({}, optional={
        "read_noise": st.fixed_dictionaries({}, optional={"relative": noise, "absolute_uS": noise}),
        "faults": st.fixed_dictionaries({}, optional={"stuck_low": stuck, "stuck_high": stuck}),
        "relaxation": st.fixed_dictionaries({"aged": st.tuples(
            st.fixed_dictionaries({"time_s": st.floats(1, 1e4), "spread": spreads})).map(list), "evidence": evidence}),
        "retention": st.just({"bakes": [{"temperature_C": 200.0, "mean_shift_uS": [0.5] * n, "sd_uS": [1.0] * n}],
                              "activation_energy_eV": 1.2, "evidence": EVIDENCE}),
        "validity": st.just({"time_s": [0.0, 1e4], "evidence": EVIDENCE}),
        "read_disturb": st.just({"relative_change_per_read": -1e-7, "evidence": EVIDENCE}),
        "programming_cost": st.fixed_dictionaries({"pulses": st.floats(1, 100), "evidence": evidence}),
        "pulse_response": st.fixed_dictionaries({
            "state_range": st.just([-1.0, 1.5]), "up": st.just(STEP), "down": st.just(STEP),
            "scale": st.fixed_dictionaries({"zero_uS": share, "uS_per_unit": st.floats(1, 50), "evidence": evidence}),
            "evidence": evidence}),
    }))
    return {**HEAD, "levels": {"conductance_uS": levels, "evidence": draw(evidence)}, "programming": spread, **optional}
