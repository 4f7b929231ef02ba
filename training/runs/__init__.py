"""A training run: its phases, its state on disk, its checkpoint."""
