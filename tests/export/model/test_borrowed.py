"""Whatever is done to a model while it is looked at, it is afterwards as it was."""

import warnings
from collections import deque
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eeinfer.errors import ExportError, ExportWarning
from eeinfer.export.model.borrowed import borrowed, unwrapped


class Counting(nn.Module):
    """Changes a buffer in place, another by a new one, an attribute, a list and a weight whenever it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.register_buffer("last", torch.zeros(4))
        self.number, self.seen = 0, list[int]()

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.last = x.mean(0)
        self.number += 1
        self.seen.append(len(x))
        with torch.no_grad():
            self.linear.weight.clamp_(-0.1, 0.1)
        return self.linear(x)


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(model: nn.Module, before: dict[str, Tensor]) -> bool:
    now = model.state_dict()
    return now.keys() == before.keys() and all(
        now[name].dtype == value.dtype and torch.equal(now[name], value) for name, value in before.items()
    )


def test_what_forward_changes_is_put_back_also_after_an_error() -> None:
    model, x = Counting().train(), torch.ones(2, 4)
    before, weight = state(model), model.linear.weight
    random = torch.get_rng_state()
    with borrowed(model) as module:
        module(x)
        torch.rand(3)
        assert not module.training
        assert module.number == 1
    with pytest.raises(RuntimeError), borrowed(model) as module:
        module(x[:, :3])  # fails when forward has changed everything but its result
    assert same(model, before)
    assert model.training
    assert model.linear.weight is weight
    assert (model.number, model.seen) == (0, [])
    assert torch.equal(torch.get_rng_state(), random)


@dataclass
class Memory:
    keys: list[Tensor]
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Fixed:
    values: Tensor


class Keeping(nn.Module):
    """Keeps state wherever Python allows it, and changes all of it whenever it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.plain = torch.zeros(4)
        self.half = torch.zeros(4, dtype=torch.float64)
        self.rebound = torch.zeros(4)
        self.listed = [torch.zeros(4), [torch.zeros(4)]]
        self.mapped = {"inner": {"value": torch.zeros(4), "numbers": [1, 2]}}
        self.pair = (torch.zeros(4), [0])
        self.memory = Memory(keys=[torch.zeros(4)])
        self.fixed = Fixed(torch.zeros(4))
        self.name = SimpleNamespace(count=0, seen={1})
        self.queue = deque([torch.zeros(4)], maxlen=2)
        self.numbers, self.raw = np.zeros(3), bytearray(b"abc")
        self.unregistered = [nn.BatchNorm1d(4)]
        self.listed.append(self.listed)  # a ring

    def forward(self, x: Tensor) -> Tensor:
        total = x.detach().mean(0)
        for tensor in (
            self.plain,
            self.half,
            self.listed[0],
            self.listed[1][0],
            self.mapped["inner"]["value"],
            self.pair[0],
            self.memory.keys[0],
            self.fixed.values,
            self.queue[0],
            self.unregistered[0].running_mean,
            self.unregistered[0].weight.data,
        ):
            tensor += total
        self.rebound = self.rebound + total
        self.listed[1].append(total)
        self.mapped["inner"]["numbers"].pop()
        self.mapped["outer"] = self.mapped["inner"].pop("value")
        self.pair[1].append(1)
        self.memory.keys.insert(0, total)
        self.memory.steps += 1
        self.name.count += 1
        self.name.seen.add(2)
        self.queue.append(total)
        self.queue.append(total)
        self.numbers += 1
        self.raw[0:1] = b"xyz"
        self.unregistered.append(nn.ReLU())
        return self.linear(x) + self.plain


def pictured(value: object, seen: frozenset[int] = frozenset()) -> object:
    """What a model holds, tensors as their identity, dtype and numbers."""
    if id(value) in seen:
        return "ring"
    inner = seen | {id(value)}
    if isinstance(value, Tensor):
        return id(value), value.dtype, value.data_ptr(), value.tolist()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return [(key, pictured(entry, inner)) for key, entry in value.items()]
    if isinstance(value, (list, tuple, deque)):
        return [type(value), id(value) if isinstance(value, list) else 0, *(pictured(entry, inner) for entry in value)]
    if isinstance(value, Fixed):
        return pictured(value.values, inner)
    if isinstance(value, (nn.Module, Memory, SimpleNamespace)):
        return [id(value), pictured(value.__dict__, inner)]
    return repr(value)


def test_state_that_is_no_buffer_is_put_back_wherever_it_is_kept() -> None:
    model, x = Keeping(), torch.ones(2, 4)
    before = pictured(model)
    with borrowed(model) as module:
        module(x)
        assert module.memory.steps == 1
        assert module.half.dtype == torch.float32, "as the weights are"
    assert pictured(model) == before
    with pytest.raises(RuntimeError), borrowed(model) as module:
        module(x[:, :3])  # fails when forward has changed everything but its result
    assert pictured(model) == before


def test_what_nobody_touched_is_left_alone() -> None:
    class Closed(dict):  # type: ignore[type-arg]
        def clear(self) -> None:
            raise AssertionError("it is closed")

    model = nn.Linear(4, 4)
    model.settings = Closed(a=[1])
    with borrowed(model) as module:
        module(torch.ones(1, 4))
    assert model.settings == {"a": [1]}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_read_as_float32_with_a_word_and_come_back(dtype: torch.dtype) -> None:
    model = nn.Linear(4, 2).to(dtype)
    before = state(model)
    word = f"weights in {str(dtype).removeprefix('torch.')}; they are exported in float32"
    with pytest.warns(ExportWarning, match=word), borrowed(model) as module:
        assert module(torch.ones(1, 4)).dtype == torch.float32
    assert same(model, before)


def test_float32_needs_no_word_and_gradients_stay() -> None:
    model = nn.Linear(4, 2)
    model(torch.ones(1, 4)).sum().backward()
    grad, frozen = model.weight.grad, model.bias.requires_grad_(False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with borrowed(model):
            pass
    assert model.weight.grad is grad
    assert model.weight.requires_grad
    assert not frozen.requires_grad


def test_shared_weights_stay_shared() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    with borrowed(model) as module:
        assert module[1].weight is module[0].weight
    assert model[1].weight is model[0].weight


def test_a_model_that_cannot_be_copied_is_borrowed_all_the_same() -> None:
    model = nn.Linear(4, 2)
    model.generator = (number for number in range(3))  # what copy.deepcopy refuses
    model.derived = model.weight * 2
    with borrowed(model) as module:
        module(torch.ones(1, 4))


def test_hooks_that_are_closures_write_where_forward_reads() -> None:
    model, caught = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)), list[Tensor]()
    model[0].register_forward_hook(lambda _module, _args, output: caught.append(output))
    with borrowed(model) as module:
        module(torch.ones(1, 4))
    assert len(caught) == 1


def test_wrappers_are_taken_off_the_whole_and_its_parts() -> None:
    inner = nn.Linear(4, 2)
    whole = torch.compile(nn.DataParallel(nn.Sequential(torch.compile(inner), nn.ReLU())))
    with borrowed(whole) as module:
        assert type(module) is nn.Sequential
        assert module[0] is inner
    assert unwrapped(whole)[0] is not inner


def test_a_model_compiled_in_place_runs_uncompiled_for_the_time() -> None:
    model = nn.Linear(4, 2)
    model.compile()
    compiled = model._compiled_call_impl
    with borrowed(model) as module:
        assert module._compiled_call_impl is None
    assert model._compiled_call_impl is compiled is not None


class Lazy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.LazyLinear(3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: torch.jit.trace(nn.Linear(4, 2), torch.ones(1, 4)), "Linear is scripted or traced by torch.jit"),
        (lambda: nn.Sequential(torch.jit.script(nn.ReLU())), "0 of Sequential is scripted or traced"),
        (lambda: nn.Linear(4, 2, device="meta"), "weight of Linear is on the meta device .* to_empty"),
        (Lazy, "head.weight of Lazy is lazy .* run the model once"),
        (lambda: torch.relu, "the model is of type builtin_function_or_method; give an instance of torch.nn.Module"),
    ],
)
@pytest.mark.filterwarnings("ignore:`torch.jit")  # PyTorch warns of its age
def test_what_cannot_be_borrowed_is_refused_by_name(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ExportError, match=message), borrowed(make()):
        pass
