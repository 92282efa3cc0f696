"""Layout 2: snapshots, projections and the keys of personal fields; an id of the log.

On PostgreSQL also row-level security, and names that are compared byte by byte. Written out here, not taken from
`schema`: what layout 2 is does not change when the schema goes on.
"""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"

_NAME = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_BYTEWISE = {
    "events": ("tenant", "stream", "id", "type"),
    "states": ("tenant", "kind", "id"),
    "burgee": ("name", "value"),
}
_OF_TENANTS = ("events", "states", "snapshots", "projections", "subjects")


def upgrade() -> None:
    """From layout 1."""
    op.create_table(
        "snapshots",
        sa.Column("tenant", _NAME, primary_key=True),
        sa.Column("stream", _NAME, primary_key=True),
        sa.Column("kind", _NAME, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_table(
        "projections",
        sa.Column("tenant", _NAME, primary_key=True),
        sa.Column("name", _NAME, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("status", _NAME, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "subjects",
        sa.Column("tenant", _NAME, primary_key=True),
        sa.Column("subject", _NAME, primary_key=True),
        sa.Column("generation", sa.Integer, primary_key=True),
        sa.Column("key", sa.LargeBinary),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("forgotten_at", sa.BigInteger),
    )
    meta = sa.table("burgee", sa.column("name", sa.String), sa.column("value", sa.String))
    op.bulk_insert(meta, [{"name": "log_id", "value": str(uuid.uuid4())}])
    if op.get_bind().dialect.name == "postgresql":
        _secure()


def _secure() -> None:
    for table, columns in _BYTEWISE.items():
        for column in columns:
            op.alter_column(table, column, type_=sa.String(collation="C"))
    for table in _OF_TENANTS:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        own = "tenant = (SELECT current_setting('burgee.tenant', true))"
        op.execute(f"CREATE POLICY {table}_of_tenant ON {table} USING ({own})")
