"""Data sets by name alone: scikit-learn's digits (in the package itself), MNIST and CIFAR-10 (fetched by Keras,
cached in ~/.keras)."""

from __future__ import annotations

import numpy as np

from host_tools.data.dataset import Dataset, checked
from host_tools.data.split import stratified
from host_tools.errors import HostError

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def digits() -> Dataset:
    """1,797 images of 8x8 pixels, values 0 to 16 brought to 0 to 255; a fixed stratified split, 989 for training, 808
    for testing.

    So many for testing because they are also what streams: a demonstration needs some hundreds that training never saw.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    y = bunch.target.astype(np.int64)
    train, test = stratified(y, test_share=0.45)
    return checked("digits", "digits", {"x_train": x[train], "y_train": y[train], "x_test": x[test], "y_test": y[test]})


def fetched(name: str) -> Dataset:
    """`mnist` or `cifar10` from Keras' own loader."""
    from host_tools.backend import keras

    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises bare Exception when the download fails
        text = str(error).splitlines()[0]
        raise HostError(f"--data {name}: Keras could not fetch it ({text}); give its folder with --data-dir") from None
    arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    return checked(name, name, arrays, CIFAR10_CLASSES if name == "cifar10" else None)
