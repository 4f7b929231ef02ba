"""``python -m eeinfer`` is the command ``eeinfer``."""

from eeinfer.cli import main

if __name__ == "__main__":
    main()
