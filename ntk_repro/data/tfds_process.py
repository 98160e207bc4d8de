"""The program of the separate process that imports TensorFlow; see `ntk_repro.data.tfds`."""

import sys
from pathlib import Path

import numpy as np

from ntk_repro.data.source import Decoded
from ntk_repro.record import save_arrays


def decode(prepared: Path) -> Decoded:
    """Decodes both parts of a prepared TFDS folder, in the stored order."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    @tfds.decode.make_decoder()
    def image(content, feature):
        # Reads PNG as well. TensorFlow's default transform for JPEG is a fast one that darkens red and blue by more
        # than one grey level in 255 on average (CIFAR-10 copy: mean of red 0.487, accurately decoded 0.491).
        return tf.io.decode_jpeg(content, channels=feature.shape[-1], dct_method="INTEGER_ACCURATE")

    version, name, data_dir = prepared.name, prepared.parent.name, prepared.parents[1]
    parts = {}
    for split in ("train", "test"):
        # `download=False` and the version by number: the version on disk is read, whichever this TFDS would download.
        tensors = tfds.load(
            f"{name}:{version}",
            split=split,
            data_dir=data_dir,
            download=False,
            batch_size=-1,
            decoders={"image": image()},  # pyright: ignore[reportCallIssue] (make_decoder changes its arguments)
        )
        arrays = tfds.as_numpy(tensors)
        parts[f"x_{split}"] = np.asarray(arrays["image"], dtype=np.uint8)
        parts[f"y_{split}"] = np.asarray(arrays["label"], dtype=np.int32)
    return Decoded(**parts)


def download(name: str, data_dir: Path) -> None:
    """Downloads and prepares a TFDS data set."""
    import tensorflow_datasets as tfds

    tfds.builder(name, data_dir=data_dir).download_and_prepare()


def main(arguments: list[str]) -> None:
    """`decode <prepared folder> <target.npz>` or `download <name> <data dir>`."""
    task, subject, target = arguments
    if task == "decode":
        save_arrays(Path(target), decode(Path(subject)).arrays())
    else:
        download(subject, Path(target))


if __name__ == "__main__":
    main(sys.argv[1:])
