"""Each system with the network, exits and optimisation of its own paper or code (METHODS 3); gaps are named."""

from collections.abc import Callable, Mapping
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
from eeinfer.training.methods.pteenet import placement

_CIFAR_STEPS = PhaseConfig(epochs=300, lr=0.1, weight_decay=1e-4, scheduler="steps", milestones=(0.5, 0.75))
_IMAGENET_STEPS = PhaseConfig(epochs=90, lr=0.1, weight_decay=1e-4, scheduler="steps", milestones=(1 / 3, 2 / 3))


def _multi_scale(recipe: str, network: str, exits: int, **changes: Any) -> TrainConfig:
    """Return a multi-scale network as all of that family train it: a plain sum of the losses, SGD in steps."""
    imagenet = "imagenet" in network
    phase = _IMAGENET_STEPS if imagenet else _CIFAR_STEPS
    data: dict[str, Any] = (
        {"name": "imagefolder", "image_size": 224} if imagenet else {"name": "cifar100", "augment": "crop-flip"}
    )
    settings: dict[str, Any] = {
        "recipe": recipe,
        "data": DataConfig(batch_size=256 if imagenet else 64, **data),
        "backbone": BackboneConfig(name=network),
        "exits": tuple(range(exits - 1)),
        "method": MethodConfig(heads=HeadConfig(type="msd", width=0 if imagenet else None)),
        "loss_weights": "sum",
        "regime": "joint",
        **dict.fromkeys(("phase1", "phase2", "phase3"), phase),
    }
    return TrainConfig(**{**settings, **changes})


def msdnet_cifar100_anytime() -> TrainConfig:
    """Return MSDNet (ICLR 2018), any-time network for CIFAR-100: seven blocks, an exit behind each."""
    return _multi_scale("msdnet_cifar100_anytime", "msdnet_cifar_anytime", 7)


def msdnet_cifar100_batch() -> TrainConfig:
    """Return MSDNet (ICLR 2018), budgeted-batch network for CIFAR-100: five blocks of growing depth."""
    return _multi_scale("msdnet_cifar100_batch", "msdnet_cifar_batch", 5)


def msdnet_imagenet() -> TrainConfig:
    """Return MSDNet (ICLR 2018), step 4, on a folder of ImageNet, which --root names."""
    return _multi_scale("msdnet_imagenet", "msdnet_imagenet_4", 5)


def ranet_cifar100_even() -> TrainConfig:
    """Return RANet (CVPR 2020), even steps of four layers, on CIFAR-100: eight exits."""
    return _multi_scale("ranet_cifar100_even", "ranet_cifar_even", 8)


def ranet_cifar100_lg() -> TrainConfig:
    """Return RANet (CVPR 2020), linearly growing blocks, on CIFAR-100: six exits."""
    return _multi_scale("ranet_cifar100_lg", "ranet_cifar_lg", 6)


def imta_cifar100() -> TrainConfig:
    """Return IMTA (ICCV 2019), MSDNet on CIFAR-100: gradient equilibrium, then one teacher for all exits."""
    method = MethodConfig(name="imta", heads=HeadConfig(type="msd"))
    return _multi_scale(
        "imta_cifar100", "msdnet_cifar_anytime", 7, method=method, regime="-++", gradient_rescaling=True
    )


def boostnet_cifar100() -> TrainConfig:
    """Return BoostNet (AAAI 2023), any-time MSDNet of ten blocks on CIFAR-100: summed logits, half of the sum kept."""
    return _multi_scale(
        "boostnet_cifar100",
        "msdnet_cifar_anytime",
        10,
        backbone=BackboneConfig(name="msdnet", options={"n_blocks": 10, "base": 4, "step": 2}),
        method=MethodConfig(name="boostnet", heads=HeadConfig(type="msd")),
        gradient_rescaling=True,
    )


def calibrated_msdnet_cifar100() -> TrainConfig:
    """Return "Fixing Overconfidence" (WACV 2024), MSDNet of six growing blocks: then eeinfer calibrate --kind laplace.

    What is trained is a plain MSDNet; everything of that paper comes after training.
    """
    options: dict[str, Option] = {"n_blocks": 6, "base": 1, "step": 1, "step_mode": "lin_grow"}
    backbone = BackboneConfig(name="msdnet", options=options)
    return _multi_scale("calibrated_msdnet_cifar100", "msdnet", 6, backbone=backbone)


# ResNet-56: blocks at about 15, 30, 45, 60, 75 and 90 % of the operations, as SDN, ZTW and PBEE place their heads.
_RESNET56_EXITS = (3, 7, 11, 15, 19, 23)
_SDN_PHASE = PhaseConfig(epochs=100, lr=0.1, weight_decay=1e-4, scheduler="steps", milestones=(0.35, 0.6, 0.85))


def _adam(epochs: int, lr: float, *milestones: float) -> PhaseConfig:
    scheduler = "steps" if milestones else "none"
    return PhaseConfig(
        epochs=epochs, optimizer="adamw", lr=lr, weight_decay=0.0, scheduler=scheduler, milestones=milestones
    )


def _resnet56(recipe: str, method: MethodConfig, regime: str, heads: PhaseConfig, **changes: Any) -> TrainConfig:
    settings: Mapping[str, Any] = {
        "recipe": recipe,
        "data": DataConfig(name="cifar100", augment="crop-flip", batch_size=128),
        "backbone": BackboneConfig(name="resnet56"),
        "exits": _RESNET56_EXITS,
        "method": method,
        "regime": regime,
        "phase1": _SDN_PHASE,
        "phase2": _SDN_PHASE,
        "phase3": heads,
    }
    return TrainConfig(**{**settings, **changes})


def sdn_resnet56_cifar100() -> TrainConfig:
    """Return SDN (ICML 2019), ResNet-56 on CIFAR-100, six exits; the weights of the losses do not rise with time.

    They are what the paper's rise to. Regime disjoint is the paper's training of internal classifiers only.
    """
    weights = (0.15, 0.30, 0.45, 0.60, 0.75, 0.90, 1.0)
    return _resnet56("sdn_resnet56_cifar100", MethodConfig(), "joint", _adam(25, 1e-3, 0.6), loss_weights=weights)


def ztw_resnet56_cifar100() -> TrainConfig:
    """Return Zero Time Waste (NeurIPS 2021), ResNet-56 on CIFAR-100, frozen network; ensembles train 20 epochs.

    The authors train ensembles for 500 on stored answers of the heads; here the heads answer anew in every epoch.
    """
    options: dict[str, Option] = {"stacking": True, "ensemble_epochs": 20, "ensemble_lr": 5e-4}
    method = MethodConfig(name="ztw", heads=HeadConfig(type="conv_same"), options=options)
    return _resnet56("ztw_resnet56_cifar100", method, "disjoint", _adam(50, 1e-3, 0.3))


def pabee_resnet56_cifar100() -> TrainConfig:
    """Return PABEE (NeurIPS 2020) as PBEE, its version for images: SDN's heads on ResNet-56 and CIFAR-100, joint."""
    return _resnet56("pabee_resnet56_cifar100", MethodConfig(name="pabee"), "joint", _adam(25, 1e-3, 0.6))


def branchynet_resnet110_cifar10() -> TrainConfig:
    """Return BranchyNet (ICPR 2016), B-ResNet-110 on CIFAR-10: branches behind the stem and behind stage 1."""
    return TrainConfig(
        recipe="branchynet_resnet110_cifar10",
        data=DataConfig(name="cifar10", augment="crop-flip", batch_size=64),
        backbone=BackboneConfig(name="resnet110"),
        exits=("bn1", 17),
        method=MethodConfig(name="branchynet", options={"branch": "resnet,residual"}),
        regime="mixed",
        phase1=_adam(100, 1e-3),
        phase2=_adam(100, 1e-3),
        phase3=_adam(100, 1e-3),
    )


def pteenet_resnet110_cifar10() -> TrainConfig:
    """Return PTEENet (IEEE Access 2022), ResNet-110 on CIFAR-10: ten exits placed "fine", frozen network."""
    return TrainConfig(
        recipe="pteenet_resnet110_cifar10",
        data=DataConfig(name="cifar10", augment="crop-flip", batch_size=128),
        backbone=BackboneConfig(name="resnet110"),
        exits=placement("fine", 10),
        method=MethodConfig(name="pteenet", options={"head": "conv2"}),
        regime="disjoint",
        phase1=PhaseConfig(
            epochs=500, optimizer="adamw", lr=1e-3, weight_decay=0.0, scheduler="none", patience=50
        ),  # its patience is not known
        phase2=_adam(30, 5e-4),  # not the paper's, which freezes the network
        phase3=_adam(30, 5e-4),
    )


def cdl_fashion_resnet20() -> TrainConfig:
    """Return Conditional Deep Learning (DATE 2016), a stand-in: ResNet-20 on Fashion-MNIST, one exit per stage.

    The paper's own network for MNIST is not described well enough to rebuild.
    """
    return TrainConfig(
        recipe="cdl_fashion_resnet20",
        data=DataConfig(name="fashion-mnist", batch_size=128),
        backbone=BackboneConfig(name="resnet20"),
        exits=(2, 5),
        method=MethodConfig(name="cdl", options={"prune_tau": 0.9}),
        regime="disjoint",
        phase1=PhaseConfig(epochs=15, lr=0.1, warmup=0.1, clip=5.0),
        phase2=PhaseConfig(epochs=15, lr=0.03, warmup=0.1, clip=5.0),  # not the paper's, which freezes the network
        phase3=_adam(10, 1e-3),
    )


SYSTEMS: tuple[Callable[[], TrainConfig], ...] = (
    sdn_resnet56_cifar100,
    branchynet_resnet110_cifar10,
    pabee_resnet56_cifar100,
    ztw_resnet56_cifar100,
    pteenet_resnet110_cifar10,
    cdl_fashion_resnet20,
    msdnet_cifar100_anytime,
    msdnet_cifar100_batch,
    msdnet_imagenet,
    ranet_cifar100_even,
    ranet_cifar100_lg,
    imta_cifar100,
    boostnet_cifar100,
    calibrated_msdnet_cifar100,
)
