"""What a WSGI server loads: `granian --interface wsgi wsgi:app`. `flask --app wsgi` runs the commands."""

import os

from app.factory import create_app, warm_up
from app.settings import load_settings

app = create_app(load_settings())
# Commands must be able to make the keys and the database that a server refuses to start without.
if os.environ.get("FLASK_RUN_FROM_CLI") != "true":
    warm_up(app)
