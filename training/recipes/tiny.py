"""Every system on scikit-learn's digits: trained in under a minute, to see it work and to test it.

Where a line names a paper, the method is that paper's; network, images and optimisation are ours.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from eeinfer.training.config import (
    BackboneConfig,
    DataConfig,
    HeadConfig,
    MethodConfig,
    Option,
    PhaseConfig,
    TrainConfig,
)


def _on_digits(recipe: str, method: MethodConfig, regime: str, **changes: Any) -> TrainConfig:
    """Return a ResNet-8 on digits with two exits and the network's own: some fifteen seconds on a free core."""
    phase = PhaseConfig(epochs=8, optimizer="adamw", lr=4e-3, weight_decay=0.01, warmup=0.1)
    config = TrainConfig(
        recipe=recipe,
        data=DataConfig(name="digits", batch_size=64),
        backbone=BackboneConfig(name="resnet8", options={"width": 16}),
        exits=(0, 1),
        method=method,
        regime=regime,
        phase1=phase,
        phase2=phase,
        phase3=phase,
        device="cpu",
        threads=1,
    )
    return replace(config, **changes)


def _multi_scale(recipe: str, backbone: str, method: str = "sdn", **changes: Any) -> TrainConfig:
    """Return a small multi-scale network with its own heads behind every block, trained jointly on a plain sum."""
    heads = HeadConfig(type="msd", width=16)
    settings = {"backbone": BackboneConfig(name=backbone), "loss_weights": "sum", **changes}
    return _on_digits(recipe, MethodConfig(name=method, heads=heads), **{"regime": "joint", **settings})


def sdn_digits() -> TrainConfig:
    """Return Shallow-Deep Networks (ICML 2019) on digits, mixed: pooled heads, each for itself."""
    return _on_digits("sdn_digits", MethodConfig(), "mixed")


def branchynet_digits() -> TrainConfig:
    """Return BranchyNet (ICPR 2016) on digits, mixed: convolutional branches, judged by their entropy."""
    return _on_digits("branchynet_digits", MethodConfig(name="branchynet"), "mixed")


def pabee_digits() -> TrainConfig:
    """Return PABEE (NeurIPS 2020) on digits, joint: four exits, left when enough of them agree in a row."""
    return _on_digits("pabee_digits", MethodConfig(name="pabee"), "joint", exits=(0, 1, 2))


def ztw_digits() -> TrainConfig:
    """Return Zero Time Waste (NeurIPS 2021) on digits, disjoint: cascading heads, then geometric ensembles."""
    options: dict[str, Option] = {"ensemble_epochs": 2, "ensemble_lr": 1e-3}
    return _on_digits("ztw_digits", MethodConfig(name="ztw", options=options), "disjoint")


def gpf_digits() -> TrainConfig:
    """Return Global Past-Future (NAACL 2021) on digits, joint: exits that imagine the states to come."""
    return _on_digits("gpf_digits", MethodConfig(name="gpf", options={"dim": 32}), "joint")


def pteenet_digits() -> TrainConfig:
    """Return PTEENet (IEEE Access 2022) on digits, disjoint: heads that learn when to be trusted.

    An exit learns little from rows that it leaves to the network: its accuracy over all rows is not meant to be high.
    """
    options: dict[str, Option] = {"head": "conv", "cost_weight": 2.0}
    config = _on_digits("pteenet_digits", MethodConfig(name="pteenet", options=options), "disjoint")
    return replace(config, phase3=replace(config.phase3, epochs=16))


def cdl_digits() -> TrainConfig:
    """Return Conditional Deep Learning (DATE 2016) on digits, disjoint: linear classifiers on a frozen network."""
    return _on_digits("cdl_digits", MethodConfig(name="cdl"), "disjoint")


def msdnet_digits() -> TrainConfig:
    """Return a small MSDNet (ICLR 2018) on digits, joint: two resolutions; what `eeinfer calibrate` can go on from."""
    return _multi_scale("msdnet_digits", "msdnet_tiny")


def ranet_digits() -> TrainConfig:
    """Return a small RANet (CVPR 2020) on digits, joint: sub-networks from low to high resolution."""
    return _multi_scale("ranet_digits", "ranet_tiny")


def imta_digits() -> TrainConfig:
    """Return IMTA (ICCV 2019) on digits, MSDNet in two stages: gradient equilibrium, then connections and a teacher."""
    return _multi_scale("imta_digits", "msdnet_tiny", "imta", regime="-++", gradient_rescaling=True)


def boostnet_digits() -> TrainConfig:
    """Return BoostNet (AAAI 2023) on digits, MSDNet, joint: summed logits, rescaled gradients."""
    return _multi_scale("boostnet_digits", "msdnet_tiny", "boostnet", gradient_rescaling=True)


def rescaled_sdn_digits() -> TrainConfig:
    """Return SDN on digits, joint, with the gradient rescaling of "Joint or Disjoint" behind a summed loss."""
    return _on_digits("rescaled_sdn_digits", MethodConfig(), "joint", gradient_rescaling=True, loss_weights="sum")


TINY: tuple[Callable[[], TrainConfig], ...] = (
    sdn_digits,
    branchynet_digits,
    pabee_digits,
    ztw_digits,
    gpf_digits,
    pteenet_digits,
    cdl_digits,
    msdnet_digits,
    ranet_digits,
    imta_digits,
    boostnet_digits,
    rescaled_sdn_digits,
)
