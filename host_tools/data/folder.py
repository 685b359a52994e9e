"""Data sets in a folder: IDX files, one npz, or a folder of class folders of PNGs (optionally under train/ and
test/)."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from host_tools.data.dataset import Dataset, checked
from host_tools.data.idx import find_idx, read_idx
from host_tools.data.split import stratified
from host_tools.errors import HostError

KEYS = ("x_train", "y_train", "x_test", "y_test")


def load_folder(name: str, folder: Path) -> Dataset:
    """Whatever of the three kinds lies in `folder`; HostError says what is missing."""
    if not folder.is_dir():
        raise HostError(f"--data-dir: {folder} is not a folder")
    idx = find_idx(folder)
    if idx:
        missing = [key for key in KEYS if key not in idx]
        if missing:
            raise HostError(f"{folder}: IDX files for {', '.join(idx)} but none for {', '.join(missing)}")
        return checked(name, str(folder), {key: read_idx(path) for key, path in idx.items()})
    npz = sorted(folder.glob("*.npz"))
    if len(npz) > 1 and folder / f"{name}.npz" in npz:
        npz = [folder / f"{name}.npz"]
    if len(npz) == 1:
        return load_npz(name, npz[0])
    if len(npz) > 1:
        raise HostError(f"{folder}: {len(npz)} npz files, expected one, or one called {name}.npz")
    return load_pngs(name, folder)


def load_npz(name: str, path: Path) -> Dataset:
    """An npz with x_train, y_train, x_test, y_test."""
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [key for key in KEYS if key not in file.files]
            if missing:
                raise HostError(f"{path}: no {', '.join(missing)}, expected {', '.join(KEYS)}")
            arrays = {key: file[key] for key in KEYS}
    except (OSError, zipfile.BadZipFile, EOFError, ValueError) as error:
        if isinstance(error, HostError):
            raise
        raise HostError(f"{path}: not a readable npz ({error})") from None
    return checked(name, str(path), arrays)


def load_pngs(name: str, folder: Path) -> Dataset:
    """Class folders of PNGs, named by their folder; with train/ and test/ beside each other those are the parts."""
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        classes = _classes(folder / "train")
        extra = sorted(set(_classes(folder / "test")) - set(classes))
        if extra:
            raise HostError(f"{folder}/test: class folders {', '.join(extra)} that {folder}/train has not")
        x_train, y_train = _read(folder / "train", classes)
        x_test, y_test = _read(folder / "test", classes)
    else:
        classes = _classes(folder)
        x, y = _read(folder, classes)
        train, test = stratified(y)
        x_train, y_train, x_test, y_test = x[train], y[train], x[test], y[test]
    # Class by class would leave the validation part, the last tenth, with one class.
    order = np.random.default_rng(0).permutation(len(y_train))
    arrays = {"x_train": x_train[order], "y_train": y_train[order], "x_test": x_test, "y_test": y_test}
    return checked(name, str(folder), arrays, tuple(classes))


def _classes(folder: Path) -> list[str]:
    names = sorted((p.name for p in folder.iterdir() if p.is_dir() and any(p.glob("*.png"))), key=_natural)
    if not names:
        raise HostError(f"{folder}: neither IDX files, nor an npz, nor class folders with PNGs")
    if len(names) < 2:
        raise HostError(f"{folder}: one class folder ({names[0]}), expected at least two")
    return names


def _natural(name: str) -> tuple[int, str]:
    return (int(name), name) if name.isdecimal() else (1 << 30, name)


def _read(folder: Path, classes: list[str]) -> tuple[NDArray[Any], NDArray[Any]]:
    from PIL import Image, UnidentifiedImageError

    images: list[NDArray[Any]] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        for path in sorted((folder / name).glob("*.png")):
            try:
                with Image.open(path) as image:
                    pixels = _pixels(path, image)
            except (OSError, UnidentifiedImageError, SyntaxError) as error:
                raise HostError(f"{path}: not a readable PNG ({error})") from None
            if images and pixels.shape != images[0].shape:
                raise HostError(
                    f"{path}: an image of shape {pixels.shape}, expected {images[0].shape} as the others in {folder}"
                )
            images.append(pixels)
            labels.append(label)
    return np.stack(images), np.array(labels, dtype=np.int64)


def _pixels(path: Path, image: Any) -> NDArray[Any]:
    modes = {"1": "L", "L": "L", "LA": "L", "P": "RGB", "RGB": "RGB", "RGBA": "RGB"}
    if image.mode not in modes:
        raise HostError(f"{path}: pixels of mode {image.mode}, expected 8 bits a channel")
    return np.asarray(image.convert(modes[image.mode]))
