"""A small encoder of text with exits: token ids, a mask and a length that varies."""

import torch
from torch import Tensor, nn

WORDS, CLASSES, LONGEST = 50, 4, 24


class Layer(nn.Module):
    """Self-attention that leaves padding out, and a feed-forward part, each with its residual (BERT's block)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(4))
        self.feed = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.norms = nn.ModuleList([nn.LayerNorm(dim), nn.LayerNorm(dim)])

    def split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        query, key, value = (self.split(part(x)) for part in (self.query, self.key, self.value))
        weights = (query @ key.transpose(2, 3) / query.shape[-1] ** 0.5 + bias).softmax(-1)
        x = self.norms[0](x + self.out((weights @ value).transpose(1, 2).flatten(2)))
        return self.norms[1](x + self.feed(x))


class TextEncoder(nn.Module):
    """Word and place tables, three blocks and a head on the first token of each."""

    def __init__(self, exits: int = 3, dim: int = 16, heads: int = 2) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, dim), nn.Embedding(LONGEST, dim)
        self.norm = nn.LayerNorm(dim)
        self.layers = nn.ModuleList(Layer(dim, heads) for _ in range(exits))
        self.exits = nn.ModuleList(nn.Linear(dim, CLASSES) for _ in range(exits))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        """Map ids and a mask, [B,L] int64, to logits [B,K] per exit."""
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = self.norm(self.words(input_ids) + self.places(places))
        bias = (1.0 - attention_mask[:, None, None, :].float()) * -1e4
        logits = []
        for layer, head in zip(self.layers, self.exits, strict=True):
            x = layer(x, bias)
            logits.append(head(x[:, 0]))
        return tuple(logits)


def text_encoder() -> TextEncoder:
    torch.manual_seed(0)
    return TextEncoder().eval()


def texts(rows: int, length: int, seed: int = 0) -> dict[str, Tensor]:
    """Random ids, and masks of at least one token with padding behind."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(WORDS, (rows, length), generator=generator)
    ends = torch.randint(1, length + 1, (rows, 1), generator=generator)
    return {"input_ids": ids, "attention_mask": (torch.arange(length) < ends).long()}
