"""What a model of ours finds in its folder and its config.pbtxt."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What Triton tells a model when it is loaded."""

    folder: Path  # of this version
    name: str
    max_batch: int
    parameters: Mapping[str, str]

    @classmethod
    def read(cls, told: Mapping[str, str]) -> "Setting":
        """Read what Triton hands to ``initialize``."""
        config = json.loads(told["model_config"])
        return cls(
            folder=Path(told["model_repository"]) / told["model_version"],
            name=config["name"],
            max_batch=config["max_batch_size"],
            parameters={name: value["string_value"] for name, value in config["parameters"].items()},
        )
