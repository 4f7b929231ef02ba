"""The page that a browser shows of a server."""
