"""``python -m tiercel``: the same command as ``tiercel``."""

from tiercel.cli.main import main

if __name__ == "__main__":
    main()
