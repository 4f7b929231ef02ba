"""Recipes: named functions that return the whole config of a run. The only place with numbers that were tuned."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from eeinfer.training.config import BackboneConfig, DataConfig, MethodConfig, Option, PhaseConfig, TrainConfig


def digits() -> TrainConfig:
    """Return a small network on scikit-learn's digits, mixed regime: under a minute on two CPU cores."""
    return TrainConfig(
        recipe="digits",
        data=DataConfig(name="digits", batch_size=64),
        backbone=BackboneConfig(name="resnet14", options={"width": 16}),
        exits=(0, 2, 4),
        regime="mixed",
        phase1=PhaseConfig(epochs=8, optimizer="adamw", lr=4e-3, weight_decay=0.01, warmup=0.1),
        phase2=PhaseConfig(epochs=10, optimizer="adamw", lr=4e-3, weight_decay=0.01, warmup=0.1),
        device="cpu",
        threads=1,  # so small a network gains nothing from two, and loses much where other work shares the cores
    )


def fashion_resnet20() -> TrainConfig:
    """Return ResNet-20 on Fashion-MNIST, mixed regime, exits at about 24, 36 and 57 % of its FLOPs."""
    return TrainConfig(
        recipe="fashion_resnet20",
        data=DataConfig(name="fashion-mnist", batch_size=128, val_share=0.1),
        backbone=BackboneConfig(name="resnet20"),
        exits=(0.2, 0.4, 0.6),
        regime="mixed",
        phase1=PhaseConfig(epochs=6, lr=0.1, warmup=0.1, clip=5.0),
        phase2=PhaseConfig(epochs=9, lr=0.1, warmup=0.1, clip=5.0),
        precision="bf16-mixed",
        channels_last=True,
    )


RECIPES: dict[str, Callable[[], TrainConfig]] = {"digits": digits, "fashion_resnet20": fashion_resnet20}


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


def ztw_digits() -> TrainConfig:
    """Return Zero Time Waste (NeurIPS 2021) on digits, disjoint: cascading heads, then geometric ensembles."""
    options: dict[str, Option] = {"ensemble_epochs": 2, "ensemble_lr": 1e-3}
    return _on_digits("ztw_digits", MethodConfig(name="ztw", options=options), "disjoint")


def gpf_digits() -> TrainConfig:
    """Return Global Past-Future (NAACL 2021) on digits, joint: exits that imagine the states to come."""
    return _on_digits("gpf_digits", MethodConfig(name="gpf", options={"dim": 32}), "joint")


def boostnet_digits() -> TrainConfig:
    """Return BoostNet (AAAI 2023) on digits, joint: summed logits, rescaled gradients."""
    return _on_digits("boostnet_digits", MethodConfig(name="boostnet"), "joint", gradient_rescaling=True)


def imta_digits() -> TrainConfig:
    """Return IMTA (ICCV 2019) on digits, two stages: gradient equilibrium, then connections and one teacher."""
    return _on_digits("imta_digits", MethodConfig(name="imta"), "-++", gradient_rescaling=True)


def rescaled_sdn_digits() -> TrainConfig:
    """Return SDN on digits, joint, with the gradient rescaling of "Joint or Disjoint" behind a summed loss."""
    return _on_digits("rescaled_sdn_digits", MethodConfig(), "joint", gradient_rescaling=True, loss_weights="sum")


RECIPES |= {
    "ztw_digits": ztw_digits,
    "gpf_digits": gpf_digits,
    "boostnet_digits": boostnet_digits,
    "imta_digits": imta_digits,
    "rescaled_sdn_digits": rescaled_sdn_digits,
}


def branchynet_digits() -> TrainConfig:
    """Return BranchyNet (ICPR 2016) on digits, mixed: convolutional branches, judged by their entropy."""
    return _on_digits("branchynet_digits", MethodConfig(name="branchynet"), "mixed")


def pabee_digits() -> TrainConfig:
    """Return PABEE (NeurIPS 2020) on digits, joint: four exits, left when enough of them agree in a row."""
    return _on_digits("pabee_digits", MethodConfig(name="pabee"), "joint", exits=(0, 1, 2))


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


RECIPES |= {
    "branchynet_digits": branchynet_digits,
    "pabee_digits": pabee_digits,
    "pteenet_digits": pteenet_digits,
    "cdl_digits": cdl_digits,
}
