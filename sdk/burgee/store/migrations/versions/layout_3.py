"""Layout 3: the documents of search.

Written out here, not taken from `schema`: what layout 3 is does not change when the schema goes on.
"""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"

_NAME = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """From layout 2."""
    op.create_table(
        "documents",
        sa.Column("tenant", _NAME, primary_key=True),
        sa.Column("search_index", _NAME, primary_key=True),
        sa.Column("id", _NAME, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("data", sa.Text),
        sa.UniqueConstraint("tenant", "search_index", "position", name="documents_position"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE documents ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE documents FORCE ROW LEVEL SECURITY")
        own = "tenant = (SELECT current_setting('burgee.tenant', true))"
        op.execute(f"CREATE POLICY documents_of_tenant ON documents USING ({own})")
