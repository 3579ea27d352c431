"""Runs the migrations on the database of the application that Flask-Migrate was given."""

from alembic import context
from alembic.util.exc import CommandError
from flask import current_app

from app.extensions import Base, db
from app.services.operations.migrations import describe_difference, is_newer


def run_migrations() -> None:
    """Bring the database to the asked revision, in one transaction where the database can. Raises CommandError for one
    that a newer release made.
    """
    with db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            **current_app.extensions["migrate"].configure_args,
        )
        for revision in filter(is_newer, context.get_context().get_current_heads()):
            raise CommandError(describe_difference(revision))
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run_migrations()
