"""Importing this module loads Keras (on TensorFlow unless KERAS_BACKEND says otherwise), quietly. It takes seconds:
import it late.

Every module of the workstation that needs Keras takes it from here: `from host_tools.backend import keras`.
"""

from __future__ import annotations

import logging
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # C++ chatter about CPU features and missing GPUs
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # these networks are too small for a GPU to help
logging.getLogger("tensorflow").setLevel(logging.ERROR)

from host_tools.quiet import quiet  # noqa: E402

with quiet():  # and chatter from before TensorFlow reads those variables
    import keras

__all__ = ["keras"]
