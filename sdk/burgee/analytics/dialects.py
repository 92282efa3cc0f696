"""One tree, several dialects."""

from sqlglot import exp


def render(tree: exp.Expr, dialect: str, table: str | None = None) -> str:  # noqa: ARG001 - as it will be
    """The tree as text of this dialect."""
    return tree.sql(dialect)
