import pytest
from small_studies import tiny_config
from study_records import analysis_record, record

from eeinfer.bench.study.plans.grid import expand, regimes
from eeinfer.bench.study.results.files import tables_of
from eeinfer.bench.study.results.formats import layers_csv
from eeinfer.bench.study.results.results import results_of
from eeinfer.bench.study.results.shapes import Results
from eeinfer.bench.study.runs import Study

RUNS = expand(tiny_config(), [regimes("joint", "mixed")], [0, 1])


def results(looked_at: int = 4) -> Results:
    records = {run.key: record(run.key, test=(50, 60, 70, 80)) for run in RUNS}
    ranks = [(6, 4), (8, 4), (2, 2), (2, 2)]
    analyses = {
        run.key: analysis_record(run.key, ranks=rank, rim=1.0 + number)
        for number, (run, rank) in enumerate(zip(RUNS[:looked_at], ranks, strict=False))
    }
    return results_of(Study(name="mine", size="given", question="?", runs=RUNS), records, analyses)


def test_layers_are_averaged_over_seeds_and_saturation_is_counted() -> None:
    joint = results().networks[0]
    assert [(layer.layer, layer.rank.mean, layer.saturated) for layer in joint.layers] == [
        ("stem", 7, 2),
        ("block", 4, 0),
    ]
    assert joint.layers[0].rank.std == pytest.approx(2**0.5)


def test_overthinking_and_the_loss_around_the_weights() -> None:
    joint = results().networks[0]
    assert (joint.spoiled[0].mean, joint.destructive.mean, joint.oracle.mean) == (0.125, 0.125, 0.875)
    assert [loss.mean for loss in joint.at_weights] == [0.5, 0.5, 0.5]
    assert joint.around[0].mean == pytest.approx(((8 * 1 + 0.5) / 9 + (8 * 2 + 0.5) / 9) / 2)
    assert joint.plane.total[0][0] == 1.0  # the first seed's own


def test_runs_without_analysis_are_no_hindrance() -> None:
    found = results(looked_at=1)
    assert [(network.labels["regime"], network.seeds) for network in found.networks] == [("joint", (0,))]
    assert results(looked_at=0).networks == ()
    assert len(tables_of(results(looked_at=0))) + 3 == len(tables_of(found))


def test_tables_and_csv() -> None:
    over, layers, planes = tables_of(results())[-3:]
    assert over.rows[0][-3:] == ("12.50 ± 0.00", "37.50 ± 0.00", "87.50 ± 0.00")
    assert layers.rows[0] == ("joint", "++-", "2", "7.0", "5.5", "4.0", "3.80", "2 of 4")
    assert planes.rows[1][3:5] == ("0.50 ± 0.00", "3.17 ± 0.63")
    lines = layers_csv(results()).splitlines()
    assert lines[0].startswith("regime,seeds,layer,rank")
    assert len(lines) == 1 + 2 * 2


def test_networks_come_back_from_json() -> None:
    assert Results.from_json(results().to_json()) == results()
