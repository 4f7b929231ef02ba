from pathlib import Path

import pytest
import torch
from method_networks import CLASSES, check_bundle, features, heads, network
from torch.nn import functional as F

from eeinfer.bundle.manifest import Input, TensorSpec
from eeinfer.training import BackboneConfig, MethodConfig, PhaseConfig, TrainConfig
from eeinfer.training.build import build_model
from eeinfer.training.methods.imta import IMTA
from eeinfer.training.runs.phase import enter_phase


def test_connection_is_concatenated_to_what_the_last_layer_reads() -> None:
    method = heads("imta").eval()
    taps, final = features()
    answers = method(taps, final)
    torch.testing.assert_close(answers[0], method.heads[0](taps[0]))
    connection, last = method.connections[0], method.heads[1].classify[-1]
    linear, norm, _ = connection.inject
    injected = F.relu(F.batch_norm(linear(answers[0]), norm.running_mean, norm.running_var, norm.weight, norm.bias))
    wide = torch.cat([last.weight, connection.columns.weight], 1)
    torch.testing.assert_close(answers[1], F.linear(torch.cat([taps[1], injected], 1), wide, last.bias))
    assert torch.equal(answers[3], final)


def test_gradients_pass_to_the_exit_before() -> None:
    method = heads("imta")
    method(*features())[2].sum().backward()
    assert method.heads[0].classify[-1].weight.grad.any()


def fresh() -> torch.nn.Module:
    config = TrainConfig(
        backbone=BackboneConfig(name="resnet8", options={"width": 4}),
        exits=(0, 1),
        method=MethodConfig(name="imta"),
        regime="-++",
    )
    return build_model(config, Input(tensor=TensorSpec(name="input", dtype="float32", shape=(3, 8, 8))), CLASSES).model


def test_connections_rest_in_the_first_stage_and_change_nothing_before_they_train() -> None:
    model = fresh()
    (first,), (second,) = (model.heads.stages(phase, PhaseConfig()) for phase in (2, 3))
    moving = {id(parameter) for parameter in enter_phase(model, 2, first.frozen)}
    assert not any(id(parameter) in moving for parameter in model.heads.connections.parameters())
    assert not model.heads.connections[0].inject[1].training  # the statistics rest too
    assert first.loss is None
    moving = {id(parameter) for parameter in enter_phase(model, 3, second.frozen)}
    assert all(id(parameter) in moving for parameter in model.heads.parameters() if parameter.ndim)
    taps, final = features(count=2)
    model.heads.heads = heads("sdn", count=2).heads
    assert torch.equal(model.heads(taps, final)[1], model.heads.heads[1](taps[1]))


def test_distillation_by_hand() -> None:
    method = heads("imta", {"gamma": 0.3, "temperature": 2})
    assert isinstance(method, IMTA)
    outputs, targets = method(*features()), torch.tensor([0, 1, 2, 3])
    wanted = F.cross_entropy(outputs[-1], targets)
    teacher = torch.softmax(outputs[-1] / 2, -1)
    for logits in outputs[:-1]:
        kl = (teacher * (teacher.log() - torch.log_softmax(logits / 2, -1))).sum(1).mean()
        wanted = wanted + 0.7 * F.cross_entropy(logits, targets) + 0.3 * 4 * kl
    torch.testing.assert_close(method.distillation_loss(outputs, targets, (1.0,) * 4, 0.0), wanted)
    assert method.loss_weights == "sum"


def test_the_teacher_is_not_taught() -> None:
    method = heads("imta", {"gamma": 1})
    taps, final = features()
    final.requires_grad_()
    method.distillation_loss(method(taps, final), torch.tensor([0, 1, 2, 3]), (1, 1, 1, 0), 0.0).backward()
    assert not final.grad.any()


def test_paper_defaults() -> None:
    method = heads("imta")
    assert (method.gamma, method.temperature) == pytest.approx((0.1, 1))


def test_bundle_agrees_with_torch(tmp_path: Path) -> None:
    built = network("imta")
    check_bundle(built.model, built.score, tmp_path)


def test_bundle_of_a_multi_scale_network_agrees_with_torch(tmp_path: Path) -> None:
    built = network("imta", backbone=("msdnet_tiny", {}), shape=(3, 16, 16), pool=None)
    bundle = check_bundle(built.model, built.score, tmp_path, shape=(3, 16, 16))
    assert (CLASSES,) in [tensor.shape for tensor in bundle.manifest.segments[0].carried]
