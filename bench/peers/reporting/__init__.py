"""What a comparison found: as a record, as tables, plots, pages and files."""
