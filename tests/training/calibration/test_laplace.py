import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eeinfer.errors import ConfigError
from eeinfer.training.calibrated import LaplaceExit, LaplaceModel, running_means
from eeinfer.training.calibration.laplace import Factors, HessianMeans, choose, cost_shares, noise, running_sums
from eeinfer.training.calibration.observe import last_layers

WIDTH, CLASSES = 3, 4


def observed(rows: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(rows, WIDTH, generator=random), torch.randn(rows, CLASSES, generator=random)


def fitted() -> Factors:
    means = HessianMeans()
    for seed in range(3):
        means.add(*observed(8, seed))
    return means.factors()


def test_factors_are_the_means_of_both_sides_over_all_images() -> None:
    phi, logits = (np.concatenate(parts) for parts in zip(*(observed(8, i) for i in range(3)), strict=True))
    phi = np.concatenate([phi, np.ones((24, 1))], 1).astype(np.float64)
    p = np.exp(logits.astype(np.float64)) / np.exp(logits.astype(np.float64)).sum(1, keepdims=True)
    features = np.mean([np.outer(row, row) for row in phi], 0)
    classes = np.mean([np.diag(row) - np.outer(row, row) for row in p], 0)
    found = fitted()
    np.testing.assert_allclose(found.features.numpy(), np.sqrt(24) * features, rtol=1e-10)
    np.testing.assert_allclose(found.classes.numpy(), np.sqrt(24) * classes, rtol=1e-10, atol=1e-12)


def test_factors_do_not_depend_on_the_order_of_the_images_nor_on_the_batches() -> None:
    phi, logits = observed(2000)
    by_class = logits.argmax(1).argsort()  # as folders list images
    found = []
    for order, rows in ((torch.arange(2000), 2000), (by_class, 16), (by_class, 7)):
        means = HessianMeans()
        for part in order.split(rows):
            means.add(phi[part], logits[part])
        found.append(means.factors())
    for other in found[1:]:
        torch.testing.assert_close(other.features, found[0].features, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(other.classes, found[0].classes, rtol=1e-12, atol=1e-12)


def test_posterior_inverts_the_factors_with_the_prior() -> None:
    factors = fitted()
    covariance, root = factors.posterior(2.0)
    ridge = np.sqrt(1 / 2.0)
    wanted = np.linalg.inv(factors.features.numpy() + ridge * np.eye(WIDTH + 1))
    np.testing.assert_allclose(covariance.numpy(), wanted, rtol=1e-8)
    wanted = np.linalg.inv(factors.classes.numpy() + ridge * np.eye(CLASSES))
    np.testing.assert_allclose((root @ root.T).numpy(), wanted, rtol=1e-8)


def test_predictive_by_hand() -> None:
    covariance, root = fitted().posterior(1.0)
    epsilon = noise(6, CLASSES, seed=3)
    phi, logits = observed(5, 9)
    exit = LaplaceExit(covariance.float(), (epsilon @ root.T).float(), temperature=1.5)
    for row in range(5):
        augmented = np.append(phi[row].double().numpy(), 1)
        spread = np.sqrt(augmented @ covariance.numpy() @ augmented)
        z = np.stack([logits[row].numpy() + spread * (root.numpy() @ draw) for draw in epsilon.numpy()]) / 1.5
        wanted = (np.exp(z) / np.exp(z).sum(1, keepdims=True)).mean(0)
        np.testing.assert_allclose(exit(phi, logits)[row].numpy(), wanted, rtol=1e-4)


def test_running_mean_weighs_exits_by_their_cost() -> None:
    p = [torch.softmax(torch.randn(2, CLASSES), 1) for _ in range(3)]
    shares = cost_shares([10, 30, 40])
    assert shares == (0.25, 0.75, 1.0)
    assert running_sums(shares) == (0.25, 1.0, 2.0)
    means = running_means(p, shares)
    torch.testing.assert_close(means[0], p[0])
    torch.testing.assert_close(means[1], 0.25 * p[0] + 0.75 * p[1])
    torch.testing.assert_close(means[2], (0.25 * p[0] + 0.75 * p[1] + p[2]) / 2)


def test_noise_repeats_and_leaves_other_streams_alone() -> None:
    torch.manual_seed(5)
    first = noise(4, 3, seed=1)
    after = torch.rand(2)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(2))
    assert torch.equal(first, noise(4, 3, seed=1))
    assert not torch.equal(first, noise(4, 3, seed=2))


def test_choice_has_the_smallest_loss_of_the_grid() -> None:
    factors, epsilon = fitted(), noise(4, CLASSES, seed=0)
    phi, logits = observed(20, 7)
    labels = torch.arange(20) % CLASSES
    before = torch.full((20, CLASSES), 0.1)
    tried = {}
    for variance in (0.5, 4.0):
        covariance, root = factors.posterior(variance)
        for temperature in (0.3, 3.0):
            exit = LaplaceExit(covariance.float(), (epsilon @ root.T).float(), temperature)
            mixed = (before + 0.6 * exit(phi, logits)) / 1.0
            tried[variance, temperature] = -mixed[torch.arange(20), labels].log().mean().item()
    best = choose(
        factors,
        epsilon,
        (phi, logits, labels),
        before,
        (0.6, 1.0),
        variances=(0.5, 4.0),
        temperatures=(0.3, 3.0),
    )
    assert (best.variance, best.temperature) == min(tried, key=lambda key: tried[key])


class TwoExits(nn.Module):
    def __init__(self, *, plain: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(WIDTH, 6), nn.ReLU())
        self.early, self.late = nn.Linear(6, CLASSES), nn.Linear(6, CLASSES)
        self.plain = plain

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        features = self.body(x)
        late = self.late(features)
        return self.early(features), late if self.plain else 2 * late


def test_last_layers_are_found_by_what_they_give() -> None:
    assert last_layers(TwoExits(plain=True), torch.zeros(2, WIDTH)) == ("early", "late")
    with pytest.raises(ConfigError, match="exit 1 does not answer with what a last linear layer gives"):
        last_layers(TwoExits(plain=False), torch.zeros(2, WIDTH))


def test_model_answers_with_log_probabilities_that_stay_finite() -> None:
    network = TwoExits(plain=True)
    exits = [LaplaceExit(torch.eye(7), torch.zeros(2, CLASSES), 0.001) for _ in range(2)]  # T this small: hard answers
    answers = LaplaceModel(network, ("early", "late"), exits, (0.5, 1.0))(torch.randn(3, WIDTH))
    for answer in answers:
        assert answer.isfinite().all()
        torch.testing.assert_close(answer.exp().sum(1), torch.ones(3))
