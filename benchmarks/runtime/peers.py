"""Peers that are slow to install: PyTorch with the ideal network, and aihwkit's C++ tile with ReRAM noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.runtime.figure import Figure, in_turns, ratio
from firmware_py import Chip
from firmware_py.bundle import Bundle
from firmware_py.numpy_engine import level_weights

BATCH = 128


def pytorch(bundle: Bundle) -> list[Figure]:
    """A batch of 128 on a chip beside the ideal LeNet-5 in PyTorch."""
    import torch

    torch.set_num_threads(1)
    net, chip, x = lenet(bundle, torch.nn.Conv2d, torch.nn.Linear).eval(), Chip(bundle), _images(bundle, BATCH)
    inputs = torch.from_numpy(x.astype(np.float32) / 255).permute(0, 3, 1, 2).contiguous()
    with torch.no_grad():
        took = in_turns({"ours": lambda i: chip.logits_many(x), "torch": lambda i: net(inputs)}, 60)
    name = f"LeNet-5, batch {BATCH}, all effects, against PyTorch's ideal network"
    return [Figure(name, ratio(took, "ours", "torch"), "times", 1.0)]


def aihwkit(bundle: Bundle) -> list[Figure]:
    """The same network on aihwkit's inference tiles with its ReRAM noise: how many times slower."""
    import torch
    from aihwkit.inference import ReRamWan2022NoiseModel
    from aihwkit.nn import AnalogConv2d, AnalogLinear
    from aihwkit.simulator.configs import InferenceRPUConfig, WeightNoiseType

    torch.set_num_threads(1)
    config = InferenceRPUConfig(noise_model=ReRamWan2022NoiseModel())
    config.forward.w_noise, config.forward.w_noise_type = 0.02, WeightNoiseType.ADDITIVE_CONSTANT
    net = lenet(bundle, lambda *a, **k: AnalogConv2d(*a, rpu_config=config, **k),
                lambda *a, **k: AnalogLinear(*a, rpu_config=config, **k)).eval()  # fmt: skip
    for layer in net:
        if hasattr(layer, "program_analog_weights"):
            layer.program_analog_weights()
    chip, found = Chip(bundle), []
    for batch, bar in ((1, 30.0), (BATCH, 15.0)):
        x = _images(bundle, batch)
        inputs = torch.from_numpy(x.astype(np.float32) / 255).permute(0, 3, 1, 2).contiguous()
        with torch.no_grad():
            took = in_turns({"ours": lambda i, x=x: chip.logits_many(x), "peer": lambda i, v=inputs: net(v)}, 30)  # type: ignore[misc]
        found.append(Figure(f"LeNet-5, batch {batch}: aihwkit against us", ratio(took, "peer", "ours"), "times", bar,
                            least=True))  # fmt: skip
    return found


def lenet(bundle: Bundle, conv: Any, linear: Any) -> Any:
    """LeNet-5 of these layers with the bundle's ideal weights."""
    import torch
    from torch import nn

    first, second, *dense = bundle.layers
    net = nn.Sequential(
        conv(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), conv(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        linear(400, 120), nn.ReLU(), linear(120, 84), nn.ReLU(), linear(84, 10),
    )  # fmt: skip
    for place, layer in zip((0, 3, 7, 9, 11), (first, second, *dense), strict=True):
        w = level_weights(bundle, layer) * layer.gain
        kernel, channels = layer.node.kernel, layer.node.in_shape[-1]
        values = w.T if place > 3 else w.reshape(*kernel, channels, -1).transpose(3, 2, 0, 1)
        weight = torch.from_numpy(np.ascontiguousarray(values))
        if hasattr(net[place], "set_weights"):  # an analog layer: its weights are on tiles
            net[place].set_weights(weight, torch.zeros(len(weight)))
            continue
        with torch.no_grad():
            net[place].weight.copy_(weight)
    return net


def _images(bundle: Bundle, count: int) -> Any:
    stored = bundle.calibration_x
    return np.ascontiguousarray(np.resize(stored, (count, *bundle.input_shape)))
