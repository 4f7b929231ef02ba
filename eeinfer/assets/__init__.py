"""The small trained bundle and the labelled test images that ship with the package."""
