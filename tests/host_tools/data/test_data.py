"""Every kind of data set against arrays that the test wrote itself, and every mistake against its one line."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from host_tools.data import load, scaled
from host_tools.data.idx import read_idx
from host_tools.data.split import stratified
from host_tools.errors import HostError

RNG = np.random.default_rng(1)
ARRAYS: dict[str, Any] = {
    "x_train": RNG.integers(0, 256, (20, 5, 4), dtype=np.uint8),
    "y_train": np.arange(20, dtype=np.uint8) % 3,
    "x_test": RNG.integers(0, 256, (6, 5, 4), dtype=np.uint8),
    "y_test": np.arange(6, dtype=np.uint8) % 3,
}
IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder: Path, zipped: bool) -> None:
    for key, name in IDX_NAMES.items():
        data = idx_bytes(ARRAYS[key])
        (folder / (name + ".gz" if zipped else name)).write_bytes(gzip.compress(data) if zipped else data)


def write_pngs(folder: Path, x: np.ndarray, y: np.ndarray, classes: list[str]) -> None:
    for i, (image, label) in enumerate(zip(x, y, strict=True)):
        (folder / classes[label]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / classes[label] / f"{i:03}.png")


@pytest.mark.parametrize("zipped", [True, False])
def test_idx_files_are_read_plain_and_gzipped(tmp_path: Path, zipped: bool) -> None:
    write_idx(tmp_path, zipped)
    data = load("mnist", tmp_path)
    assert data.shape == (5, 4, 1) and data.classes == ("0", "1", "2")
    np.testing.assert_array_equal(data.x_train[..., 0], ARRAYS["x_train"])
    np.testing.assert_array_equal(data.y_test, ARRAYS["y_test"])


def test_wide_idx_types_are_big_endian(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(struct.pack(">BBBBI3i", 0, 0, 0x0C, 1, 3, 1, -2, 1 << 20))
    assert read_idx(tmp_path / "a").tolist() == [1, -2, 1 << 20]


def test_npz_is_read_under_any_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "whatever.npz", **ARRAYS)
    data = load("my-own", tmp_path)
    assert data.name == "my-own"
    np.testing.assert_array_equal(data.x_test[..., 0], ARRAYS["x_test"])


def test_cifar10_from_a_folder_has_its_class_names(tmp_path: Path) -> None:
    labels = {"y_train": np.arange(20, dtype=np.uint8) % 10}
    np.savez(tmp_path / "cifar10.npz", **{**ARRAYS, **labels})
    assert load("cifar10", tmp_path).classes[5] == "dog"
    assert load("other", tmp_path).classes[5] == "5"


def test_class_folders_give_the_classes_and_a_stratified_split(tmp_path: Path) -> None:
    write_pngs(tmp_path, ARRAYS["x_train"], np.arange(20) % 2, ["cat", "dog"])
    data = load("pets", tmp_path)
    assert data.classes == ("cat", "dog")
    assert np.bincount(data.y_test).tolist() == [2, 2] and len(data.y_train) == 16
    for image, label in zip(data.x_train, data.y_train, strict=True):
        source = next(i for i in range(20) if np.array_equal(ARRAYS["x_train"][i], image[..., 0]))
        assert source % 2 == label


def test_class_folders_under_train_and_test_are_the_parts(tmp_path: Path) -> None:
    write_pngs(tmp_path / "train", ARRAYS["x_train"], ARRAYS["y_train"], ["0", "2", "10"])
    write_pngs(tmp_path / "test", ARRAYS["x_test"], ARRAYS["y_test"], ["0", "2", "10"])
    data = load("numbers", tmp_path)
    assert data.classes == ("0", "2", "10"), "numbers are sorted as numbers"
    assert len(data.y_train) == 20 and sorted(data.y_test.tolist()) == sorted(ARRAYS["y_test"].tolist())


def test_digits_need_no_download_and_the_split_is_fixed() -> None:
    from sklearn.datasets import load_digits

    data = load("digits")
    assert data.shape == (8, 8, 1) and len(data.classes) == 10 and len(data.y_train) + len(data.y_test) == 1797
    assert data.x_train.max() == 255 and set(np.unique(data.x_train)) <= {round(v * 255 / 16) for v in range(17)}
    assert np.abs(np.bincount(data.y_test) / len(data.y_test) - 0.1).max() < 0.005
    np.testing.assert_array_equal(load("digits").x_test, data.x_test)
    total = int(data.y_train.sum() + data.y_test.sum())
    assert total == int(load_digits().target.sum())


def test_validation_is_the_last_tenth_of_the_training_part() -> None:
    data = load("digits")
    rest, x, y = data.validation()
    assert len(y) == len(data.y_train) // 10
    np.testing.assert_array_equal(np.concatenate([rest.x_train, x]), data.x_train)
    np.testing.assert_array_equal(np.concatenate([rest.y_train, y]), data.y_train)


def test_scaling_is_a_division_by_255() -> None:
    assert scaled(np.array([0, 51, 255], np.uint8)).tolist() == [0.0, np.float32(0.2), 1.0]


def test_stratified_split_is_complete_and_seeded() -> None:
    labels = np.repeat([0, 1, 2], [10, 30, 2])
    train, test = stratified(labels, seed=3)
    assert sorted([*train, *test]) == list(range(42))
    assert np.bincount(labels[test]).tolist() == [2, 6, 1]
    assert stratified(labels, seed=3)[1].tolist() == test.tolist() != stratified(labels, seed=4)[1].tolist()


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(HostError, match="'mnits' is unknown, expected one of digits, mnist, cifar10"):
        load("mnits")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="nowhere is not a folder"):
        load("mnist", tmp_path / "nowhere")


def test_an_empty_folder_says_what_it_may_hold(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="neither IDX files, nor an npz, nor class folders"):
        load("mnist", tmp_path)


@pytest.mark.parametrize("cut", [0, 3, 10, 100])
def test_a_truncated_idx_file_is_refused(tmp_path: Path, cut: int) -> None:
    write_idx(tmp_path, zipped=False)
    path = tmp_path / IDX_NAMES["x_train"]
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(HostError, match=f"{path.name}: .*expected"):
        load("mnist", tmp_path)


def test_a_cut_gzip_stream_is_refused(tmp_path: Path) -> None:
    write_idx(tmp_path, zipped=True)
    path = tmp_path / (IDX_NAMES["x_train"] + ".gz")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(HostError, match="broken gzip stream"):
        load("mnist", tmp_path)


def test_a_missing_idx_file_is_named(tmp_path: Path) -> None:
    write_idx(tmp_path, zipped=True)
    (tmp_path / (IDX_NAMES["y_test"] + ".gz")).unlink()
    with pytest.raises(HostError, match="none for y_test"):
        load("mnist", tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_train": np.array(["a", "b"] * 10)}, "y_train is <U1, expected integer class numbers"),
        ({"y_train": np.full(20, 2)}, "every training label is 2, expected at least two classes"),
        ({"x_train": ARRAYS["x_train"].astype(np.float32)}, "x_train is float32, expected uint8"),
        ({"x_test": ARRAYS["x_test"][:, :4]}, r"images of shape \(5, 4, 1\) in x_train and \(4, 4, 1\) in x_test"),
        ({"y_test": np.zeros(5, int)}, "x_test holds 6 images and y_test 5 labels"),
        ({"y_train": np.arange(20) - 1}, "y_train runs from -1 to 18"),
        ({"x_train": ARRAYS["x_train"].reshape(20, 20)}, r"x_train has shape \(20, 20\)"),
    ],
)
def test_arrays_that_are_no_data_set_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "data.npz", **{**ARRAYS, **change})
    with pytest.raises(HostError, match=message):
        load("data", tmp_path)


def test_an_npz_without_a_part_names_it(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x_train=ARRAYS["x_train"])
    with pytest.raises(HostError, match="no y_train, x_test, y_test"):
        load("data", tmp_path)


def test_a_file_that_is_no_npz_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.npz").write_bytes(b"PK\3\4 but no more")
    with pytest.raises(HostError, match="not a readable npz"):
        load("data", tmp_path)


def test_objects_in_an_npz_are_never_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", **{**ARRAYS, "y_train": np.array([{}] * 20, dtype=object)})
    with pytest.raises(HostError, match="not a readable npz"):
        load("data", tmp_path)


def test_pngs_of_different_shapes_are_refused(tmp_path: Path) -> None:
    write_pngs(tmp_path, ARRAYS["x_train"], np.arange(20) % 2, ["a", "b"])
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(tmp_path / "b" / "zz.png")
    with pytest.raises(HostError, match=r"zz.png: an image of shape \(3, 3\), expected \(5, 4\)"):
        load("mine", tmp_path)


def test_one_class_folder_is_not_enough(tmp_path: Path) -> None:
    write_pngs(tmp_path, ARRAYS["x_train"], np.zeros(20, int), ["only"])
    with pytest.raises(HostError, match=r"one class folder \(only\)"):
        load("mine", tmp_path)


def test_a_broken_or_deep_png_is_named(tmp_path: Path) -> None:
    write_pngs(tmp_path, ARRAYS["x_train"], np.arange(20) % 2, ["a", "b"])
    (tmp_path / "a" / "zz.png").write_bytes(b"no image")
    with pytest.raises(HostError, match=r"zz\.png: not a readable PNG"):
        load("mine", tmp_path)
    Image.fromarray(np.zeros((5, 4), np.uint16)).save(tmp_path / "a" / "zz.png")
    with pytest.raises(HostError, match=r"zz\.png: pixels of mode I;16, expected 8 bits"):
        load("mine", tmp_path)


def test_real_mnist_has_the_published_counts(shared_data: Path) -> None:
    data = load("mnist", shared_data / "mnist")
    assert np.bincount(data.y_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(data.y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert len(data.validation()[2]) == 5000
