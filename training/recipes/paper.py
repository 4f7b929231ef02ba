"""The set-ups behind the figures of "Joint or Disjoint"; facts and gaps in METHODS 4.3 to 4.6.

The regime is `mixed`, which the paper recommends; `--regime disjoint` and `--regime joint` give the other curves.
Validation images are not augmented here, as they are in the released code.
"""

from collections.abc import Callable

from eeinfer.training.config import BackboneConfig, DataConfig, MethodConfig, PhaseConfig, TrainConfig


def _vit_cifar10(recipe: str, method: MethodConfig) -> TrainConfig:
    # The paper says only "the standard ViT": width, patch, placement and optimisation are a stand-in of ours.
    phase = PhaseConfig(epochs=200, optimizer="adamw", lr=1e-3, weight_decay=0.05, warmup=0.05, clip=1.0)
    return TrainConfig(
        recipe=recipe,
        data=DataConfig(name="cifar10", batch_size=128),
        backbone=BackboneConfig(name="vit_t", options={"patch": 4, "depth": 12}),
        exits=tuple(range(11)),
        method=method,
        regime="mixed",
        phase1=phase,
        phase2=phase,
        phase3=phase,
    )


def vit_sdn_cifar10() -> TrainConfig:
    """Return "Joint or Disjoint", figures of ViT with SDN on CIFAR-10; ViT-T with patch 4 stands in for its ViT."""
    return _vit_cifar10("vit_sdn_cifar10", MethodConfig())


def vit_gpf_cifar10() -> TrainConfig:
    """Return "Joint or Disjoint", figure 5, ViT with GPF on CIFAR-10; ViT-T with patch 4 stands in for its ViT."""
    return _vit_cifar10("vit_gpf_cifar10", MethodConfig(name="gpf", options={"dim": 512}))


def _convolutional(recipe: str, data: str, backbone: str, exits: tuple[int, ...]) -> TrainConfig:
    """Return what the released script for CIFAR sets: plain SGD at 0.5 until validation stops getting better."""
    phase = PhaseConfig(epochs=1000, lr=0.5, momentum=0.0, weight_decay=0.0, scheduler="none", patience=50)
    return TrainConfig(
        recipe=recipe,
        data=DataConfig(name=data, batch_size=125),
        backbone=BackboneConfig(name=backbone),
        exits=exits,
        regime="mixed",
        phase1=phase,
        phase2=phase,
        phase3=phase,
    )


def resnet34_sdn_cifar100() -> TrainConfig:
    """Return "Joint or Disjoint", figure of ResNet-34 with SDN on CIFAR-100; the 3x3 stem is assumed."""
    return _convolutional("resnet34_sdn_cifar100", "cifar100", "resnet34", (4, 6, 8, 10, 12, 14))


def efficientnetv2s_sdn_cifar10() -> TrainConfig:
    """Return "Joint or Disjoint", EfficientNetV2-s with SDN on CIFAR-10, seventeen exits as in its script."""
    return _convolutional("efficientnetv2s_sdn_cifar10", "cifar10", "efficientnet_v2_s", tuple(range(6, 39, 2)))


def efficientnetv2s_sdn_cifar100() -> TrainConfig:
    """Return "Joint or Disjoint", EfficientNetV2-s with SDN on CIFAR-100, seventeen exits as in its script."""
    return _convolutional("efficientnetv2s_sdn_cifar100", "cifar100", "efficientnet_v2_s", tuple(range(6, 39, 2)))


def pretrained_vit_b_sdn_cifar100() -> TrainConfig:
    """Return "Joint or Disjoint", ViT-B/16 of ImageNet with SDN on CIFAR-100 at 224 pixels; without its mixup.

    Label smoothing, which the released script has with mixup, is kept.
    """
    exits = PhaseConfig(epochs=200, lr=0.1, momentum=0.0, weight_decay=5e-5, patience=10, clip=1.0, label_smoothing=0.1)
    return TrainConfig(
        recipe="pretrained_vit_b_sdn_cifar100",
        data=DataConfig(name="cifar100", image_size=224, batch_size=128),
        backbone=BackboneConfig(name="torchvision:vit_b_16", pretrained=True),
        exits=(3, 5, 7, 9),
        regime="mixed",
        phase1=PhaseConfig(
            epochs=200, lr=0.1, momentum=0.9, weight_decay=0.0, patience=10, clip=1.0, label_smoothing=0.1
        ),
        phase2=exits,
        phase3=exits,
    )


PAPER: tuple[Callable[[], TrainConfig], ...] = (
    vit_sdn_cifar10,
    vit_gpf_cifar10,
    resnet34_sdn_cifar100,
    efficientnetv2s_sdn_cifar10,
    efficientnetv2s_sdn_cifar100,
    pretrained_vit_b_sdn_cifar100,
)
