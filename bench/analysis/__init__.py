"""An analysis of trained networks as tables, plots and files."""
