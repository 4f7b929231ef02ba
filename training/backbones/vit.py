"""Vision transformers (Dosovitskiy et al., ICLR 2021) of any patch, width, depth and number of attention heads."""

from torch import nn

from eeinfer.errors import ConfigError
from eeinfer.training.backbones.base import Task

WIDTHS = {"t": (192, 3), "s": (384, 6), "b": (768, 12)}  # ViT-T, S, B: width, attention heads


def vit(
    task: Task, *, patch: int = 4, dim: int = 192, depth: int = 12, heads: int = 3, dropout: float = 0.0
) -> nn.Module:
    """Build a pre-norm ViT with class token, learned positions, GELU MLP of 4 times `dim` and LayerNorm 1e-6.

    Its classifier starts at zero, as in "Joint or Disjoint" (METHODS 4.3).
    """
    from timm.models.vision_transformer import VisionTransformer

    if any(side % patch for side in task.size):
        raise ConfigError(f"patch {patch} does not divide the image of {task.size[0]} x {task.size[1]} pixels")
    if dim % heads:
        raise ConfigError(f"dim {dim} does not divide among {heads} attention heads")
    network: nn.Module = VisionTransformer(
        img_size=task.size,
        patch_size=patch,
        in_chans=task.in_channels,
        num_classes=task.num_classes,
        embed_dim=dim,
        depth=depth,
        num_heads=heads,
        proj_drop_rate=dropout,
        pos_drop_rate=dropout,
    )
    last = network.get_submodule("head")
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return network
