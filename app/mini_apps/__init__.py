"""Mini-apps: a folder of data and Jinja becomes a `domain.MiniApp`, or one clear error."""
