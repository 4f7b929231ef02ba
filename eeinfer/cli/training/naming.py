"""What the folder of a run is called where nobody says."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eeinfer.training import TrainConfig


def run_name(config: "TrainConfig", recipe: str) -> str:
    """Return the name of the recipe where data and backbone are those of it, else DATA-BACKBONE."""
    from eeinfer.training import RECIPES
    from eeinfer.training.parts.kept import shown_name

    base = RECIPES[recipe]() if recipe in RECIPES else None
    own = config.data.name == "imagefolder" and config.data.root is not None
    if (
        base is not None
        and not own
        and base.data.name == config.data.name
        and base.backbone.name == config.backbone.name
    ):
        return recipe
    data = Path(str(config.data.root)).resolve().stem if own else shown_name(config.data.name)
    return "-".join(re.sub(r"[^\w.-]+", "-", part) for part in (data, shown_name(config.backbone.name)))
