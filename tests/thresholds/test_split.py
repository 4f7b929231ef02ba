import pytest

from eeinfer.errors import InputError
from eeinfer.thresholds.split import halves


@pytest.mark.parametrize("count", [2, 3, 40])
def test_halves_share_no_image_and_lose_none(count: int) -> None:
    fitted, kept = halves(count, 7)
    assert sorted([*fitted, *kept]) == list(range(count))
    assert len(kept) - len(fitted) in (0, 1)
    assert halves(count, 7)[0].tolist() == fitted.tolist()


def test_one_image_cannot_be_halved() -> None:
    with pytest.raises(InputError, match="takes two"):
        halves(1, 0)
