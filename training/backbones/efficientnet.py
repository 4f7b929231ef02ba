"""EfficientNetV2-s (Tan and Le, ICML 2021): torchvision's class with the rates of "Joint or Disjoint" (METHODS 4.3)."""

from torch import nn

from eeinfer.training.backbones.base import Task
from eeinfer.training.backbones.torchvision_models import adapt_input


def efficientnet_v2_s(task: Task, *, dropout: float = 0.05, stochastic_depth: float = 0.05) -> nn.Module:
    """Build EfficientNetV2-s; each of its 40 (Fused)MBConv blocks is a slot, the stem is not."""
    from torchvision.models import efficientnet_v2_s as build

    network: nn.Module = build(num_classes=task.num_classes, dropout=dropout, stochastic_depth_prob=stochastic_depth)
    adapt_input(network, task.in_channels)
    return network
