"""``python -m swath`` is the ``swath`` command."""

import sys

from swath.main import main

if __name__ == "__main__":
    sys.exit(main())
