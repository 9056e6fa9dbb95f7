"""``python -m xapi_async``: the same as the ``xapi-async`` command."""

import sys

from xapi_async.cli import main

sys.exit(main())
