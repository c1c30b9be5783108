"""Second factors, links to set a password, identities of providers, rules of access, and the journal."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def _key(name, length=36):
    return sa.Column(name, sa.String(length), primary_key=True)


def upgrade() -> None:
    """Add the columns and the tables."""
    op.add_column("accounts", sa.Column("disabled_at", sa.String(24)))
    op.add_column("sessions", sa.Column("method", sa.String(20), nullable=False, server_default="password"))
    op.add_column("sessions", sa.Column("proved_at", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index("sessions_by_person", "sessions", ["organisation", "person"])
    op.create_table(
        "second_factors",
        _key("organisation"),
        _key("person"),
        sa.Column("sealed", sa.String(200), nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.Column("confirmed_at", sa.String(24)),
    )
    op.create_table("recovery_codes", _key("organisation"), _key("person"), _key("code_hash", 64))
    op.create_table(
        "password_links",
        _key("organisation"),
        _key("token_hash", 64),
        sa.Column("person", sa.String(36), nullable=False),
        sa.Column("login", sa.String(120), nullable=False),
        sa.Column("expires_at", sa.String(24), nullable=False),
    )
    op.create_table(
        "identities",
        _key("organisation"),
        _key("issuer", 200),
        _key("subject", 255),
        sa.Column("person", sa.String(36), nullable=False),
        sa.Column("linked_at", sa.String(24), nullable=False),
    )
    op.create_index("identities_by_person", "identities", ["organisation", "person"])
    op.create_table(
        "policies", _key("organisation"), _key("name", 40), sa.Column("value", sa.String(200), nullable=False)
    )
    _create_journal()
    op.create_table(
        "wipes",
        _key("organisation"),
        _key("device"),
        sa.Column("ordered_at", sa.String(24), nullable=False),
        sa.Column("confirmed_at", sa.String(24)),
    )


def _create_journal() -> None:
    op.create_table(
        "journal",
        _key("organisation"),
        _key("id"),
        sa.Column("at", sa.String(24), nullable=False),
        sa.Column("person", sa.String(36), nullable=False),
        sa.Column("act", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
    )
    op.create_index("journal_by_person", "journal", ["organisation", "person", "id"])
    op.create_index("journal_by_subject", "journal", ["organisation", "subject", "id"])


def downgrade() -> None:
    """Remove what `upgrade` added."""
    for table in ("wipes", "journal", "policies", "identities", "password_links", "recovery_codes", "second_factors"):
        op.drop_table(table)
    op.drop_index("sessions_by_person", "sessions")
    with op.batch_alter_table("sessions") as table:
        table.drop_column("proved_at")
        table.drop_column("method")
    with op.batch_alter_table("accounts") as table:
        table.drop_column("disabled_at")
