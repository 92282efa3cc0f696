"""Layout 1: events, states, and what the database says of itself. Made by burgee 0.1.0, never by an upgrade."""

revision = "1"
down_revision = None


def upgrade() -> None:
    """Nothing comes before this layout."""
