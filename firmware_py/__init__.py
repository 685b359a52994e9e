"""rram-edge on the board: runs a bundle on an emulated RRAM chip, and repairs it by updating only its SRAM correction.

    from firmware_py import Chip
    chip = Chip.open("lenet5.rram.safetensors", seed=1)
    chip.calibrate()
    chip.predict_one(image)
"""

from firmware_py.cells import Effects
from firmware_py.chip import Chip
from firmware_py.correction import AdaptConfig
from firmware_py.errors import RramError
from firmware_py.replay import Replay

__all__ = ["AdaptConfig", "Chip", "Effects", "Replay", "RramError"]
