"""A study: a grid of training runs, each trained, exported and measured, and what they say together."""
