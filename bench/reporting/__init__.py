"""What a measurement found: as a record, as tables, plots, pages and files."""
