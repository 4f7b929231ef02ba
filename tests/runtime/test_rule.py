import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eeinfer.rule import as_taus


@given(st.floats(0, 1))
def test_one_number_stands_for_every_exit(tau: float) -> None:
    taus = as_taus(tau, 4)
    assert taus.dtype == np.float32
    np.testing.assert_array_equal(taus, np.full(4, tau, np.float32))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_one_number_per_exit_is_taken_in_any_form(tau: list[float]) -> None:
    for form in (tau, tuple(tau), np.array(tau), np.array(tau, np.float32)):
        np.testing.assert_array_equal(as_taus(form, len(tau)), np.array(tau, np.float32))
