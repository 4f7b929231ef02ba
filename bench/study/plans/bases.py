"""What the named studies start from, in both sizes. The small size's numbers were tuned here, on validation images."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from eeinfer.training import RECIPES, BackboneConfig, DataConfig, MethodConfig, PhaseConfig, TrainConfig
from eeinfer.training.config import Option

Make = Callable[[], TrainConfig]

# 6,000 images train and 1,500 choose: weights first, thresholds afterwards.
_DATA = DataConfig(name="fashion-mnist", max_images=7500, val_share=0.2, batch_size=64)


def _phase(epochs: int, lr: float, weight_decay: float) -> PhaseConfig:
    return PhaseConfig(epochs=epochs, optimizer="adamw", lr=lr, weight_decay=weight_decay, warmup=0.1, clip=1.0)


def _small(backbone: BackboneConfig, exits: int, phases: tuple[PhaseConfig, ...], augment: str) -> TrainConfig:
    phase1, phase2, phase3 = phases
    return TrainConfig(
        data=replace(_DATA, augment=augment),
        backbone=backbone,
        exits=tuple(range(exits)),
        phase1=phase1,
        phase2=phase2,
        phase3=phase3,
        device="cpu",
        threads=1,  # a process for each core does more than threads in one
    )


def small_vit() -> TrainConfig:
    """Return a ViT of six blocks, width 64, with patches of 7 x 7 pixels: sixteen tokens; five exits."""
    options: dict[str, Option] = {"patch": 7, "dim": 64, "depth": 6, "heads": 4}
    phases = (_phase(20, 2e-3, 0.05), _phase(20, 2e-3, 0.05), _phase(8, 2e-3, 0.05))
    return _small(BackboneConfig(name="vit", options=options), 5, phases, "none")


def small_gpf_vit() -> TrainConfig:
    """Return the same ViT with GPF, its states as wide as the tokens."""
    return replace(small_vit(), method=MethodConfig(name="gpf", options={"dim": 64}))


def small_resnet() -> TrainConfig:
    """Return a ResNet-8 of 8, 16 and 32 channels, exits behind the first two of its three blocks."""
    phases = (_phase(12, 4e-3, 0.01), _phase(12, 4e-3, 0.01), _phase(6, 4e-3, 0.01))
    return _small(BackboneConfig(name="resnet8", options={"width": 8}), 2, phases, "crop-flip")


def small_pretrained() -> TrainConfig:
    """Return timm's DeiT-Ti with its ImageNet weights at 64 x 64 pixels: sixteen tokens."""
    phase = _phase(4, 1e-4, 0.05)
    backbone = BackboneConfig(name="timm:deit_tiny_patch16_224", pretrained=True)
    base = _small(backbone, 5, (phase, phase, phase), "none")
    return replace(base, data=replace(base.data, image_size=64), exits=(3, 5, 7, 9))


def _systems(base: Make) -> dict[str, tuple[Make, tuple[str, ...]]]:
    """Return every method on the network of `base`, with its regimes: name -> configuration, regimes."""
    every, frozen, together = ("disjoint", "joint", "mixed"), ("disjoint",), ("joint", "mixed")
    table: dict[str, tuple[MethodConfig, tuple[str, ...]]] = {
        "SDN": (MethodConfig(name="sdn"), every),
        "BranchyNet": (MethodConfig(name="branchynet"), ("mixed",)),
        "PABEE": (MethodConfig(name="pabee"), ("joint",)),
        "ZTW": (MethodConfig(name="ztw"), frozen),
        "GPF": (MethodConfig(name="gpf", options={"dim": 64}), together),
        "PTEENet": (MethodConfig(name="pteenet"), frozen),
        "CDL": (MethodConfig(name="cdl"), frozen),
        "IMTA": (MethodConfig(name="imta"), ("-++",)),
        "BoostNet": (MethodConfig(name="boostnet"), ("joint",)),
    }
    return {name: (_with(base, method), regimes) for name, (method, regimes) in table.items()}


def _with(base: Make, method: MethodConfig) -> Make:
    return lambda: replace(base(), method=method)


def _patient(config: TrainConfig) -> TrainConfig:
    """Stop early in a recipe that trains for a fixed time, as the paper does."""
    phases = {f"phase{number}": replace(config.phase(number), patience=50) for number in (1, 2, 3)}
    return replace(config, **phases)  # type: ignore[arg-type]  # phases alone


def _recipe(name: str) -> Make:
    return lambda: _patient(RECIPES[name]())


# Size -> name -> configuration, of any regime.
SETUPS: Mapping[str, Mapping[str, Make]] = {
    "small": {"ViT, SDN": small_vit, "ResNet, SDN": small_resnet, "ViT, GPF": small_gpf_vit},
    "paper": {
        "ViT, SDN": _recipe("vit_sdn_cifar10"),
        "ViT, GPF": _recipe("vit_gpf_cifar10"),
        "ResNet, SDN": _recipe("resnet34_sdn_cifar100"),
        "EfficientNetV2-s, SDN, CIFAR-10": _recipe("efficientnetv2s_sdn_cifar10"),
        "EfficientNetV2-s, SDN, CIFAR-100": _recipe("efficientnetv2s_sdn_cifar100"),
    },
    "small pretrained": {"ViT, SDN": small_pretrained},
    "paper pretrained": {"ViT, SDN": RECIPES["pretrained_vit_b_sdn_cifar100"]},
}

# Every method on one network and data set, and the regimes that it is trained under.
SYSTEMS: Mapping[str, Mapping[str, tuple[Make, tuple[str, ...]]]] = {
    "small": _systems(small_resnet),
    "paper": _systems(_recipe("sdn_resnet56_cifar100")),
}
