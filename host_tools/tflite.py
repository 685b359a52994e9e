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

    inputs = keras.Input(batch_shape=(1, *model.input_shape[1:]))  # a fixed batch keeps Flatten one operator
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(inputs, model(inputs, training=False)))

    def representative() -> Iterator[list[npt.NDArray[np.float32]]]:
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
