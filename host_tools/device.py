"""Where networks are trained: on the processor with TensorFlow, or on a GPU with JAX."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import click

from host_tools.errors import HostError

DEVICES = ("cpu", "gpu")
INSTALL = "pip install 'jax[cuda12]'"


def device_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --device to a command that trains. It takes effect as it is parsed, before Keras is loaded."""
    return click.option(
        "--device", type=click.Choice(DEVICES), default="cpu", callback=_use, expose_value=False, is_eager=True,
        help="Where to train; gpu: JAX with CUDA [cpu].",
    )(function)  # fmt: skip


def _use(context: click.Context, option: click.Parameter, name: str) -> None:
    if name == "gpu" and not context.resilient_parsing:
        use_gpu()


def use_gpu() -> None:
    """Let Keras run on JAX's GPU from here on. HostError: no JAX, no GPU that it sees, or Keras is loaded already."""
    if "keras" in sys.modules and not on_gpu():
        raise HostError("--device gpu: Keras runs on the processor already in this process, start a new one")
    os.environ["KERAS_BACKEND"] = "jax"
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "-1":
        del os.environ["CUDA_VISIBLE_DEVICES"]
    try:
        import jax
    except ImportError:
        raise HostError(f"--device gpu: JAX is not installed, expected it with CUDA: {INSTALL}") from None
    try:
        found = jax.default_backend()
    except RuntimeError as error:
        raise HostError(f"--device gpu: JAX does not start ({str(error).splitlines()[0]})") from None
    if found == "cpu":
        raise HostError("--device gpu: JAX sees no GPU here (nvidia-smi shows what there is), expected one")


def on_gpu() -> bool:
    """Whether Keras computes on a GPU: with JAX, and a device that is not the processor."""
    from host_tools.backend import keras

    if keras.backend.backend() != "jax":
        return False
    import jax

    return bool(jax.default_backend() != "cpu")
