"""The loop compiled: the C++ library behind its C interface."""
