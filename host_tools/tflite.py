"""The ideal network as a LiteRT (TFLite) flatbuffer: int8 inside, uint8 pixels in, uint8 logits out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
import numpy.typing as npt

from host_tools.errors import HostError
from host_tools.quiet import quiet

REPRESENTATIVE = 200  # images that fix the ranges of activations


def to_tflite(model: Any, images: npt.NDArray[np.float32]) -> bytes:
    """Convert a Keras model; images float32 [n, H, W, C] in [0, 1] give ranges. HostError: the converter's reason."""
    import tensorflow as tf

    from host_tools.backend import keras

    # a fixed batch keeps Flatten one operator; names of our own: Keras would number them, and they are in the file
    inputs = keras.Input(batch_shape=(1, *model.input_shape[1:]), name="image")
    fixed = keras.Model(inputs, model(inputs, training=False), name="ideal")
    converter = tf.lite.TFLiteConverter.from_keras_model(fixed)

    def representative() -> Iterator[list[npt.NDArray[np.float32]]]:
        yield [_full_range(images[0])[None]]
        for image in images[:REPRESENTATIVE]:
            yield [image[None]]

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    try:
        with quiet(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            flatbuffer: bytes = converter.convert()
    except Exception as error:
        raise HostError(f"{model.name}: LiteRT cannot hold it: {str(error).splitlines()[0]}") from error
    return flatbuffer


def _full_range(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The image with its darkest pixel at 0 and its brightest at 1, so that a pixel 0 to 255 is its own input code."""
    full = image.copy()
    full.flat[full.argmin()], full.flat[full.argmax()] = 0, 1
    return full
