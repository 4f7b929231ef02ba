"""The blocks of RANet (Yang et al., CVPR 2020): dense ones, and those that fuse a lower resolution layer by layer."""

from collections.abc import Sequence

from torch import Tensor, cat, nn
from torch.nn import functional as F

from eeinfer.training.backbones.multiscale import conv_block, dense_conv


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Interpolate [B,C,H,W] bilinearly to `size`, corner pixels on corner pixels."""
    return x if x.shape[2:] == size else F.interpolate(x, size=size, mode="bilinear", align_corners=True)


class DenseBlock(nn.Module):
    """Dense layers, each adding `growth` channels, and a 1x1 convolution to `width` channels where one is given."""

    def __init__(self, channels: int, num_layers: int, growth: int, factor: int, width: int | None) -> None:
        super().__init__()
        self.layers = nn.ModuleList(dense_conv(channels + i * growth, growth, factor) for i in range(num_layers))
        self.transition = nn.Identity() if width is None else conv_block(channels + num_layers * growth, width, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Map [B,C,H,W] to the block's map, and to the maps before its first and behind each of its layers."""
        steps = [x]
        for layer in self.layers:
            steps.append(cat([steps[-1], layer(steps[-1])], 1))
        return self.transition(steps[-1]), steps


class FusionLayer(nn.Module):
    """A dense layer, a share of whose new channels comes from the same layer of the sub-network before."""

    def __init__(
        self, channels: int, low_channels: int, widths: tuple[int, int], factors: tuple[int, int], stride: int
    ):
        super().__init__()
        self.same = dense_conv(channels, widths[0], factors[0], stride)
        self.low = dense_conv(low_channels, widths[1], factors[1])

    def forward(self, x: Tensor, low: Tensor) -> Tensor:
        """Map [B,C,H,W] and the lower [B,C',H',W'] to [B,C+growth,H/stride,W/stride]."""
        made = self.same(x)
        size = (made.shape[2], made.shape[3])
        return cat([resized(x, size), resized(self.low(low), size), made], 1)


class FusionBlock(nn.Module):
    """Fusion layers, then what the same block of the sub-network before ended with, thinned by a 1x1 convolution."""

    def __init__(self, layers: Sequence[FusionLayer], channels: int, low: tuple[int, int], width: int | None) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.last = conv_block(*low, 1)
        self.transition = nn.Identity() if width is None else conv_block(channels + low[1], width, 1)

    def forward(self, x: Tensor, low: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Map [B,C,H,W] and the lower block's maps to the block's map, and to its own maps layer by layer."""
        steps = [x]
        for layer, low_step in zip(self.layers, low[:-1], strict=True):
            steps.append(layer(steps[-1], low_step))
        size = (steps[-1].shape[2], steps[-1].shape[3])
        return self.transition(cat([steps[-1], resized(self.last(low[-1]), size)], 1)), steps
