"""Makes tiny-*.tflite and tiny.npz, the ideal network of test_reference.py. Needs TensorFlow; run once, in this folder.

The expected logits come from NumPy and the weights, not from TensorFlow.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)
kernel = rng.normal(0, 0.5, (3, 3, 1, 2)).astype(np.float32)
bias = rng.normal(0, 0.2, 2).astype(np.float32)
matrix = rng.normal(0, 0.4, (32, 4)).astype(np.float32)
images = rng.integers(0, 256, (20, 6, 6, 1)).astype(np.uint8)

model = keras.Sequential([
    keras.Input(batch_shape=(1, 6, 6, 1)),
    keras.layers.Conv2D(2, 3, activation="relu"),
    keras.layers.Flatten(),
    keras.layers.Dense(4, use_bias=False),
])  # fmt: skip
model.set_weights([kernel, bias, matrix])

x = images.astype(np.float64) / 255
windows = np.lib.stride_tricks.sliding_window_view(x[..., 0], (3, 3), axis=(1, 2))
hidden = np.maximum(np.einsum("nijkl,klo->nijo", windows, kernel[:, :, 0]) + bias, 0)
logits = hidden.reshape(len(x), -1) @ matrix

for name, kind in {"float": None, "uint8": tf.uint8, "int8": tf.int8}.items():
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if kind is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None]] for image in x.astype(np.float32))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = kind
    Path(f"tiny-{name}.tflite").write_bytes(converter.convert())
np.savez("tiny.npz", x=images, logits=logits.astype(np.float32))
