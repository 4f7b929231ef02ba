"""The layers of MSDNet (Huang et al., ICLR 2018), which map a list of maps, the finest first, to another."""

from torch import Tensor, cat, nn

from eeinfer.training.backbones.multiscale import conv_block, dense_conv


class DenseScale(nn.Module):
    """One scale of a dense layer: the map, beside what convolutions make of it and of the next finer map."""

    def __init__(
        self, channels: int, width: int, factor: int | None, finer_channels: int | None, finer_factor: int | None
    ) -> None:
        super().__init__()
        from_finer = 0 if finer_channels is None else width // 2
        self.down = None if finer_channels is None else dense_conv(finer_channels, from_finer, finer_factor, stride=2)
        self.same = dense_conv(channels, width - from_finer, factor)

    def forward(self, x: Tensor, finer: Tensor | None) -> Tensor:
        """Map [B,C,H,W], and [B,C',2H,2W] where there is a finer map, to [B,C+width,H,W]."""
        made = [self.same(x)] if self.down is None else [self.down(finer), self.same(x)]
        return cat([x, *made], 1)


class MultiScaleLayer(nn.Module):
    """One dense layer at every scale that goes on; finer maps than those end here."""

    def __init__(self, scales: list[DenseScale]) -> None:
        super().__init__()
        self.scales = nn.ModuleList(scales)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map a list of maps to one that is as long as there are scales."""
        ending = len(maps) - len(self.scales)
        return [scale(maps[i], maps[i - 1] if i else None) for i, scale in enumerate(self.scales, start=ending)]


class Transition(nn.Module):
    """A 1x1 convolution at every scale, which thins the channels that dense layers piled up."""

    def __init__(self, channels: list[int], widths: list[int]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(conv_block(*pair, 1) for pair in zip(channels, widths, strict=True))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map every map [B,C,H,W] to fewer channels."""
        return [conv(x) for conv, x in zip(self.convs, maps, strict=True)]
