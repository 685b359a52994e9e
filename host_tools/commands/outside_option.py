"""The option of commands that can take a profile beyond where it holds: refusals then name it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from device_models.errors import OutsideError, ProfileError


def outside_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add --outside with its help; ProfileError that ends with what the option would do, where it was not given."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            try:
                return function(*args, **options)
            except OutsideError as error:
                raise ProfileError(f"{error}; --outside {error.use}") from None

        return click.option("--outside", is_flag=True, help=text)(call)

    return add
