"""A bundle with fewer exits: its graph cut again, nothing trained."""
