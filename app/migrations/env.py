"""Runs the migrations on the database of the application that Flask-Migrate was given."""

from alembic import context
from flask import current_app

from app.extensions import Base, db


def run_migrations() -> None:
    """Bring the database to the asked revision, in one transaction where the database can."""
    with db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            **current_app.extensions["migrate"].configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run_migrations()
