from dataclasses import replace

import pytest
from small_studies import tiny_config, tiny_runs

from eeinfer.bench.study.plans.grid import Factor, expand, regimes, setting
from eeinfer.bench.study.runs import key_of
from eeinfer.bench.study.work.jobs import PHASE_1, jobs_for
from eeinfer.errors import ConfigError
from eeinfer.training import PhaseConfig


def rates(*values: float) -> Factor:
    return setting("lr of phase 1", [(f"{lr:g}", {"phase1": PhaseConfig(lr=lr)}) for lr in values])


def test_every_combination_is_a_run_with_its_labels() -> None:
    runs = expand(tiny_config(), [rates(0.1, 0.2), regimes("mixed", "disjoint")], [0, 1])
    assert len({run.key for run in runs}) == 8
    assert runs[0].labels == {"lr of phase 1": "0.1", "regime": "mixed"}


def test_what_a_regime_does_not_use_makes_no_other_run() -> None:
    runs = expand(tiny_config(), [rates(0.1, 0.2), regimes("joint")], [0])
    assert len(runs) == 2
    assert len({run.key for run in runs}) == 1
    assert len(jobs_for(runs)) == 1


def test_phase_1_is_trained_once_for_regimes_and_placements_of_a_seed() -> None:
    places = setting("placement", [("a", {"exits": (0,)}), ("b", {"exits": (0, 1)})])
    jobs = jobs_for(expand(tiny_config(), [places, regimes()], [0, 1]))
    assert sum(job.task == PHASE_1 for job in jobs) == 2  # one a seed
    assert len(jobs) == 2 * 6 + 2
    assert jobs[0].config.regime == "+--"  # before the first that needs it


def test_a_regime_by_name_and_by_its_phases_is_one_run() -> None:
    with pytest.raises(ConfigError, match=r"two runs are the same: regime 'mixed' and '\+\+-'"):
        expand(tiny_config(), [regimes("mixed", "++-")], [0])


def test_a_seed_given_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="two runs are the same"):
        expand(tiny_config(), [regimes("mixed")], [3, 3])


@pytest.mark.parametrize(
    ("factors", "seeds", "said"),
    [([Factor(name="lr", values=())], [0], "lr has no values"), ([regimes()], [], "seeds is empty")],
)
def test_an_empty_grid_is_refused(factors: list[Factor], seeds: list[int], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        expand(tiny_config(), factors, seeds)


def test_a_regime_without_exits_is_refused() -> None:
    alone = setting("regime", [("alone", {"regime": "+--", "exits": ()})])
    with pytest.raises(ConfigError, match="trains no exits"):
        expand(tiny_config(), [alone], [0])


def test_keys_do_not_depend_on_where_files_lie_or_on_settings_at_their_defaults() -> None:
    config = tiny_config()
    elsewhere = replace(config, data=replace(config.data, root="/somewhere", num_workers=3), recipe="mine")
    assert key_of(elsewhere) == key_of(config)
    assert key_of(replace(config, seed=1)) != key_of(config)
    assert tiny_runs("joint")[0].key == key_of(replace(config, regime="-+-"))
