"""Prints how much slower an emulated array is than NumPy's matrix product: `python benchmarks/array_speed.py`.

512 x 512 weights of charan-65nm, batch 128, 8-bit ADC, read noise of variance sum x^2 sigma^2, in turns with x @ w in
float32, in one process and with the same number of BLAS threads (OMP_NUM_THREADS before the start; 1 unless it is set).
A ratio is the median of the ratios of neighbours. CrossSim and aihwkit stand beside it where they are installed.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from device_models.array.array import Array
from device_models.array.effects import Effects
from device_models.array.read_noise import FactorisedVariance, NoiseKind
from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile

SIZE, BATCH = 512, 128
CLIP_SD = 2.5
READ_NOISE = 0.02  # of charan-65nm, for the peers
Product = Callable[[int], object]


def ours(w: np.ndarray, x: np.ndarray) -> dict[str, Product]:
    """Our arrays by what they emulate; each product takes the read counter."""
    profile, macro = DeviceProfile.load("charan-65nm"), MacroConfig(rows=SIZE, cols=SIZE, adc_bits=8)

    def array(noise: NoiseKind, **switches: bool) -> Product:
        made = Array.program(w, profile, macro, clip=CLIP_SD, sample=x, noise=noise, effects=Effects(**switches))
        return lambda read: made.multiply(x, read)

    return {
        "spread, ADC": array("exact", dac=False, read_noise=False),
        "spread, ADC, read noise (factorised)": array("factorised", dac=False),
        "spread, DAC, ADC, read noise (factorised)": array("factorised"),
        "spread, ADC, read noise (exact)": array("exact", dac=False),
        "spread, DAC, ADC, read noise (exact)": array("exact"),
    }


def peers(w: np.ndarray, x: np.ndarray) -> dict[str, Product]:
    """The same matrix in other simulators, and a line for each that is missing."""
    found: dict[str, Product] = {}
    for name, make in (("CrossSim", crosssim), ("aihwkit", aihwkit)):
        try:
            found |= make(w, x)
        except ImportError as error:
            print(f"{name} is not installed ({error}); docs/array.md says how")
    return found


def crosssim(w: np.ndarray, x: np.ndarray) -> dict[str, Product]:
    """sandialabs/cross-sim 3: balanced (differential) core, 50 % programming error, 8-bit ADC."""
    from simulator import AnalogCore, CrossSimParameters

    def core(read_noise: bool) -> Product:
        params = CrossSimParameters()
        params.core.rows_max = params.core.cols_max = SIZE
        params.xbar.device.programming_error.enable = True
        params.xbar.device.programming_error.model = "NormalProportionalDevice"
        params.xbar.device.programming_error.magnitude = 0.5
        if read_noise:
            params.xbar.device.read_noise.enable = True
            params.xbar.device.read_noise.model = "NormalProportionalDevice"
            params.xbar.device.read_noise.magnitude = READ_NOISE
        params.xbar.adc.mvm.model = "QuantizerADC"
        params.xbar.adc.mvm.bits = 8
        params.xbar.adc.mvm.calibrated_range = [-SIZE / 8, SIZE / 8]
        made, columns = AnalogCore(np.ascontiguousarray(w.T), params=params), np.ascontiguousarray(x.T)
        return lambda read: made @ columns

    return {"CrossSim: spread, ADC": core(False), "CrossSim: spread, ADC, read noise": core(True)}


def aihwkit(w: np.ndarray, x: np.ndarray) -> dict[str, Product]:
    """IBM/aihwkit 1: C++ tile, 8-bit converters, constant additive read noise on the weights."""
    import torch
    from aihwkit.simulator.configs import ConstantStepDevice, SingleRPUConfig
    from aihwkit.simulator.parameters import IOParameters, WeightNoiseType
    from aihwkit.simulator.tiles import AnalogTile

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    noisy = IOParameters(inp_res=1 / 254, out_res=1 / 254, w_noise=READ_NOISE,
                         w_noise_type=WeightNoiseType.ADDITIVE_CONSTANT)
    tile = AnalogTile(SIZE, SIZE, SingleRPUConfig(device=ConstantStepDevice(), forward=noisy))
    tile.set_weights(torch.from_numpy(np.ascontiguousarray(w.T / CLIP_SD)).float())
    inputs = torch.from_numpy(x)
    return {"aihwkit: DAC, ADC, read noise": lambda read: tile.forward(inputs)}


def measure(products: dict[str, Product], w: np.ndarray, x: np.ndarray, rounds: int, most_s: float) -> None:
    """Print a row a product: median time, and median ratio to the plain product just before."""
    print(f"{'':<44} {'ms':>9} {'x @ w ms':>9} {'ratio':>9}")
    for name, product in products.items():
        took: list[tuple[int, int]] = []
        begin = time.perf_counter()
        while len(took) < rounds and (len(took) < 3 or time.perf_counter() - begin < most_s):
            start = time.perf_counter_ns()
            x @ w
            middle = time.perf_counter_ns()
            product(len(took))
            took.append((middle - start, time.perf_counter_ns() - middle))
        plain, full = np.array(took).T
        ms, plain_ms, ratio = np.median(full) / 1e6, np.median(plain) / 1e6, np.median(full / plain)
        print(f"{name:<44} {ms:>9.3f} {plain_ms:>9.3f} {ratio:>9.2f}")


def main() -> None:
    """Measure and print a table, and how far the factorised noise is off."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=5.0, help="at most, for each row")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    w = np.clip(rng.standard_normal((SIZE, SIZE), np.float32), -CLIP_SD, CLIP_SD)
    for kind, x in (("dense inputs, uniform", rng.random((BATCH, SIZE), np.float32)),
                    ("half of the inputs zero", np.maximum(rng.standard_normal((BATCH, SIZE), np.float32), 0))):
        print(f"{kind}; {os.environ['OMP_NUM_THREADS']} thread(s); factorised read noise: sigma of a column is off by "
              f"{100 * factorised_error(w, x):.1f} % (root mean square)")
        if kind.startswith("dense"):
            measure(ours(w, x) | peers(w, x), w, x, options.rounds, options.seconds)


def factorised_error(w: np.ndarray, x: np.ndarray) -> float:
    """Relative error of the factorised sigma for these inputs, cells as the arrays above have them."""
    array = Array.program(w, DeviceProfile.load("charan-65nm"), MacroConfig(rows=SIZE, cols=SIZE), clip=CLIP_SD,
                          effects=Effects.only("levels", "programming"))
    variance = np.sum((READ_NOISE * array.cells.g_uS) ** 2, axis=0)
    return FactorisedVariance.of(variance).error(variance, x.astype(np.float64) ** 2)


if __name__ == "__main__":
    main()
