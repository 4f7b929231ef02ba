from dataclasses import replace

from small_studies import placed_runs, tiny_config, tiny_runs

from eeinfer.bench.study.analyses.plan import PLAN, analyses_of
from eeinfer.bench.study.plans.grid import expand, regimes


def test_the_noise_is_chosen_once_for_a_backbone_and_its_data() -> None:
    disjoint, joint, mixed = tiny_runs("disjoint", "joint", "mixed")
    found = analyses_of([disjoint, joint, mixed])
    assert [each.run for each in found] == [disjoint.key, joint.key, mixed.key]
    assert {each.reference for each in found} == {disjoint.key}
    assert len({each.key for each in found}) == 3


def test_seeds_share_the_noise_and_other_data_have_their_own() -> None:
    config = tiny_config()
    seeds = expand(config, [regimes("joint")], [0, 1])
    [other] = expand(replace(config, data=replace(config.data, max_images=128)), [regimes("joint")], [0])
    first, second, third = analyses_of([*seeds, other])
    assert first.reference == second.reference == seeds[0].key
    assert third.reference == other.key


def test_a_run_in_several_places_is_looked_at_once() -> None:
    runs = placed_runs()
    assert len(analyses_of([*runs, *runs])) == len(runs)


def test_the_key_tells_run_reference_and_numbers_apart() -> None:
    one, other = tiny_runs("joint", "mixed")
    [alone] = analyses_of([one])
    assert alone == analyses_of([one, other])[0]  # so studies share it
    assert alone.key != analyses_of([other, one])[1].key
    assert alone.key != analyses_of([one], replace(PLAN, plane_steps=13))[0].key
