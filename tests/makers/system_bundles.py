"""A bundle of each kind of system, and inputs for it: what every loop and library must answer alike."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import method_networks
import multiscale_networks
import numpy as np
import small_bundles
from numpy.typing import NDArray
from text_networks import LONGEST, text_encoder, texts

import eeinfer
from eeinfer.export import export_bundle

Inputs = dict[str, NDArray[Any]]
LENGTH = {1: ("length", 1, LONGEST)}


def of_method(name: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        built = method_networks.network(name)
        return export_bundle(built.model, method_networks.inputs(1), folder / "model.eeb", scores=built.score)

    return write


def multiscale(folder: Path) -> Path:
    return export_bundle(multiscale_networks.shaken("msdnet"), multiscale_networks.images(1), folder / "model.eeb")


def text(folder: Path) -> Path:
    dynamic = {"input_ids": LENGTH, "attention_mask": LENGTH}
    return export_bundle(text_encoder(), texts(1, 9), folder / "model.eeb", dynamic=dynamic)


WRITERS: dict[str, Callable[[Path], Path]] = {
    **{name: of_method(name) for name in ("sdn", "ztw", "gpf", "gpf_original", "pabee")},
    "msdnet": multiscale,
    "text": text,
    "scripted": lambda folder: small_bundles.write_scripted(folder / "model.eeb"),
}


def rows(bundle: eeinfer.Bundle, count: int) -> Inputs:
    if bundle.manifest.axes:
        return {name: tensor.numpy() for name, tensor in texts(count, 3 + count % 5, seed=count).items()}
    draw = np.random.default_rng(count)
    spec = bundle.manifest.input.tensor
    if bundle.manifest.name == "scripted":
        return {spec.name: draw.random((count, *spec.sizes())).astype(np.float32) * np.float32([1, 1, 1, 999])}
    return {spec.name: draw.normal(size=(count, *spec.sizes())).astype(np.float32)}
