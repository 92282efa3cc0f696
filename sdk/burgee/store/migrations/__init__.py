"""Upgrades of older databases, with Alembic: a script per layout in `versions/`, whose revision is the layout's number.

The layout stands in burgee's own table, where every version of burgee looks, and not in a second place of Alembic's.
New databases are made from `schema`; tests hold both ways to the same tables.
"""

from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, update

from burgee.store.schema import meta

HERE = Path(__file__).parent


def upgrade(connection: Connection, found: int, wanted: int) -> None:
    """Bring a database from one layout to a later one, within the caller's transaction."""
    scripts = ScriptDirectory(str(HERE), version_locations=[str(HERE / "versions")])
    ahead = [script.module for script in scripts.iterate_revisions(str(wanted), str(found))]
    with Operations.context(MigrationContext.configure(connection)):
        for module in reversed(ahead):
            module.upgrade()
    connection.execute(update(meta).where(meta.c.name == "layout").values(value=str(wanted)))
