"""Target expressions: against numpy's own arithmetic, and that nothing but arithmetic is understood."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_models.errors import ProfileError
from device_models.measured.target import parse_target

A = np.array([0.0, 1, 2, 31, 32, 33, 80_000, 96_383])
B = np.array([1.0, 2, 3, 4, 5, 6, 7, 8])
COLUMNS = {"a": A, "b_2": B, "my column": A + B}

LEAVES = st.one_of(
    st.integers(0, 100).map(lambda n: (str(n), np.float64(n))),
    st.sampled_from([("a", A), ("b_2", B), ("1.5e1", 15.0)]))


def _binary(pair: tuple[tuple[str, Any], tuple[str, Any], str]) -> tuple[str, Any]:
    (left, x), (right, y), sign = pair
    numpy_of = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "//": np.floor_divide, "%": np.mod}
    with np.errstate(all="ignore"):
        return f"({left}) {sign} ({right})", numpy_of[sign](x, y)


def _call(pair: tuple[str, tuple[str, Any], tuple[str, Any]]) -> tuple[str, Any]:
    name, (left, x), (right, y) = pair
    with np.errstate(all="ignore"):
        return {"floor": (f"floor({left})", np.floor(x)), "round": (f"round({left})", np.rint(x)),
                "min": (f"min({left}, {right})", np.minimum(x, y)), "max": (f"max({left},{right})", np.maximum(x, y)),
                "neg": (f"-({left})", -x), "log10": (f"log10({left})", np.log10(x))}[name]


EXPRESSIONS = st.recursive(LEAVES, lambda inner: st.one_of(
    st.tuples(inner, inner, st.sampled_from(["+", "-", "*", "/", "//", "%"])).map(_binary),
    st.tuples(st.sampled_from(["floor", "round", "min", "max", "neg", "log10"]), inner, inner).map(_call)),
    max_leaves=6)


@given(EXPRESSIONS)
def test_expressions_are_numpys_arithmetic(pair: tuple[str, Any]) -> None:
    text, expected = pair
    value = parse_target(text).evaluate(COLUMNS)
    np.testing.assert_array_equal(np.broadcast_to(value, A.shape), np.broadcast_to(expected, A.shape))


@pytest.mark.parametrize(("text", "expected"), [
    ("a + b_2 * 3", A + B * 3), ("a - b_2 - 1", A - B - 1), ("a // 2 % 32", A // 2 % 32), ("a / b_2 / 2", A / B / 2),
    ("-a % 32", -A % 32), ("2 - -b_2", 2 - -B), ("a % 7 * b_2 + 1 // 2", A % 7 * B + 1 // 2), ("+a", A),
    ("(a+1)*(b_2-2)", (A + 1) * (B - 2))])
def test_precedence_is_pythons(text: str, expected: np.ndarray[Any, Any]) -> None:
    np.testing.assert_array_equal(parse_target(text).evaluate(COLUMNS), expected)


def test_names_that_are_no_identifiers_stand_in_backquotes() -> None:
    target = parse_target("`my column` - a")
    assert target.names == ("a", "my column")
    np.testing.assert_array_equal(target.evaluate(COLUMNS), B)


@pytest.mark.parametrize(("text", "message"), [
    ("", "at its end"), ("a %", "at its end"), ("a % ) 32", "at ') 32' (character 5)"), ("a ** 2", "at '* 2'"),
    ("a.real", "at '.real'"), ("a[0]", "at '[0]'"), ("'x'", "not an expression"), ("a if a else b_2", "at 'if"),
    ("open(a)", "no function 'open', expected one of floor, round, log10, min, max"),
    ("__import__('os')", "not an expression"), ("lambda: 1", "not an expression"),
    ("min(a)", "min of 1 value(s), expected 2"), ("floor(a, a)", "floor of 2 value(s), expected 1"),
    ("a" * 201, "201 characters, expected at most 200"),
    ("a~b", "at '~b' (character 2)"), (" ", "at its end"),
    ("a\n+1", "not an expression"),
])
def test_what_is_no_arithmetic_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ProfileError) as error:
        parse_target(text)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_unknown_columns_are_named_with_the_known() -> None:
    with pytest.raises(ProfileError, match="no column 'addr', expected one of a, b_2, my column"):
        parse_target("addr % 32").evaluate(COLUMNS)


@given(st.text(alphabet="ab_2+-*/%(),. `19floorminmax'\"\\\n\t[]{}:=", max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        target = parse_target(text)
        target.evaluate(dict.fromkeys(target.names, A))
    except ProfileError as error:
        assert "\n" not in str(error)  # noqa: PT017 -- most texts are refused, some are not


def test_deepest_expression_is_evaluated() -> None:
    assert parse_target("-" * 199 + "1").evaluate({}) == -1
