"""What a WSGI server loads: `granian --interface wsgi wsgi:app`. `flask --app wsgi` runs the commands."""

import os
import sys

# Commands must be able to make the keys and the database that a server refuses to start without.
IS_COMMAND = os.environ.get("FLASK_RUN_FROM_CLI") == "true"
NEVER_STARTS = 3
"""The exit code by which gunicorn knows a worker that is not worth a second try."""

# What a command counts is no worker's; the library looks when it is imported.
hidden = os.environ.pop("PROMETHEUS_MULTIPROC_DIR", "") if IS_COMMAND else ""

from app.commands.mini_apps import NAME as MINI_APPS  # noqa: E402
from app.factory import START_ERRORS, create_app, create_authoring_app, warm_up  # noqa: E402
from app.settings import load_settings  # noqa: E402

if hidden:  # check-config tells of it
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = hidden

try:
    # Who writes a mini-app has no configuration yet.
    app = create_authoring_app() if IS_COMMAND and MINI_APPS in sys.argv else create_app(load_settings())
    if not IS_COMMAND:
        warm_up(app)
except START_ERRORS as error:
    print(error, file=sys.stderr)
    sys.exit(1 if IS_COMMAND else NEVER_STARTS)
