import logging

import pytest
import torch
from torch import Tensor, nn

from eeinfer.training.flops import cumulative_flops  # before fvcore: it silences what fvcore's import warns of

FlopCountAnalysis = pytest.importorskip("fvcore.nn").FlopCountAnalysis


class TwoExits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, bias=False), nn.Conv2d(4, 8, 3, bias=False)
        self.heads = nn.ModuleList([nn.Linear(4, 5), nn.Linear(8, 5)])

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.first(x)
        early = self.heads[0](x.flatten(2)[:, :, 0])
        return [early, self.heads[1](self.second(x.relu()).flatten(2)[:, :, 0])]


FIRST, EARLY = 3 * 4 * 9 * 36, 4 * 5  # an 8 x 8 image: 6 x 6, then 4 x 4 positions
SECOND, LATE = 4 * 8 * 9 * 16, 8 * 5


def test_an_exit_costs_what_it_and_the_exits_before_it_need() -> None:
    count = cumulative_flops(TwoExits(), torch.zeros(2, 3, 8, 8))
    assert count.cumulative == (FIRST + EARLY, FIRST + EARLY + SECOND + LATE)
    assert not count.uncounted


def test_fvcore_agrees_where_it_counts_everything() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10)).eval()
    example = torch.zeros(1, 3, 8, 8)
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    assert cumulative_flops(network, example).cumulative == (FlopCountAnalysis(network, example).total(),)


@pytest.mark.parametrize("fast_path", [True, False])
def test_attention_is_counted_though_torch_would_fuse_it(fast_path: bool) -> None:
    torch.backends.mha.set_fastpath_enabled(fast_path)
    try:
        count = cumulative_flops(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval(), torch.zeros(1, 5, 16))
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    projections = 5 * 16 * (3 * 16 + 16 + 32 + 32)
    pairs = 2 * 5 * 5
    attention = pairs * (8 + 8) + 3 * pairs
    norms, joins = 2 * 5 * (5 * 16), 2 * (5 * 16)
    assert count.cumulative == (projections + attention + norms + joins,)


def test_what_has_no_rule_is_named() -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> list[Tensor]:
            return [torch.erfinv(x)]

    assert cumulative_flops(Odd(), torch.zeros(1, 3)).uncounted == {"erfinv": 1}


def test_counting_leaves_the_modes_of_the_model_alone() -> None:
    network = TwoExits().train()
    network.second.eval()
    cumulative_flops(network, torch.zeros(1, 3, 8, 8))
    assert network.training
    assert not network.second.training
