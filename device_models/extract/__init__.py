"""What a technology carries, from raw cells alone: how many levels can be told apart, and how far cells spread.

    extraction = extract(level, g_uS, errors=(0.01, 0.1))
    extraction.told[1].choice.levels        # indices of the levels that 10 % error leaves
    extraction.spread("own_mean").median    # "50 %" under one of the field's conventions

counts.py: cells between candidate boundaries; separate.py: which levels, where to cut; conventions.py: the six ways to
say a spread; summary.py: all of it at once, with what another sample of cells would have given (bootstrap).
The question is that of G. Charan et al., DAC 2020, doi 10.1109/DAC18072.2020.9218605 ("10 levels, 50 % variance"); its
abstract does not say how it was answered, so the definitions here are ours.
"""

from device_models.extract.counts import LevelCounts
from device_models.extract.separate import Separation, most_levels, most_levels_worst, separations, wrong_shares
from device_models.extract.summary import Extraction, extract

__all__ = ["Extraction", "LevelCounts", "Separation", "extract", "most_levels", "most_levels_worst", "separations",
           "wrong_shares"]
