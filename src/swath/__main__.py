"""``python -m swath`` is the ``swath`` command."""

from swath.main import main

if __name__ == "__main__":
    main()
