"""Which runs a study has: grids, by name or from a file."""
