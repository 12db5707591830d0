"""``python -m puna.runner``: see :mod:`puna.runner.main`."""

import sys

from puna.runner.main import main

sys.exit(main())
