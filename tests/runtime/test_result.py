import numpy as np
import pytest

from eeinfer import Engine


def test_results_read_well(scripted_engine: Engine) -> None:
    rows = np.array([[0.9, 0, 0, i] for i in range(7)], np.float32)
    text = repr(scripted_engine(rows, tau=0.5))
    assert text.startswith("Result([0 at exit 0 (0.900), 1 at exit 0 (0.900), ")
    assert "... 2 more], " in text
    assert repr(next(scripted_engine.anytime(rows[0]))).startswith("Answer(0 at exit 0 (0.900), ")
    assert repr(scripted_engine.all_exits(rows)) == "AllExits(7 rows, 3 exits, 1000 classes)"


def test_results_have_their_length_and_types_and_do_not_change(scripted_engine: Engine) -> None:
    result = scripted_engine(np.zeros((3, 4), np.float32))
    assert len(result) == 3
    types = {name: getattr(result, name).dtype.name for name in ("predictions", "exits", "scores", "flops", "valid")}
    assert types == {"predictions": "int64", "exits": "int64", "scores": "float32", "flops": "int64", "valid": "bool"}
    with pytest.raises(AttributeError):
        result.latency_ms = 0.0  # type: ignore[misc]  # that it is refused is the point
