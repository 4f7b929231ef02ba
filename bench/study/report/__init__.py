"""A study as one HTML file that answers its question in words first."""
