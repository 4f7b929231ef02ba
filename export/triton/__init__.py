"""A model repository for Triton."""
