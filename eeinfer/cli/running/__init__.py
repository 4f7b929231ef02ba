"""Commands that run bundles or look at them."""
