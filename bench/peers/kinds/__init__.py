"""The peers themselves, one file per library. Each is imported in its own process alone."""
