"""The connection to Postgres that a command works with."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import connection as Postgres  # noqa: N812

from warehouse import postgres
from warehouse.errors import PlimsollError
from warehouse.settings import Settings


def in_short(error: BaseException) -> str:
    """What went wrong, without the row that Postgres adds."""
    primary = error.diag.message_primary if isinstance(error, psycopg2.Error) else None
    return primary or str(error)


@contextmanager
def connected(settings: Settings) -> Iterator[Postgres]:
    """A connection in autocommit mode for the length of a `with` block.

    Raises:
        PlimsollError: Postgres cannot be reached, breaks off, or refuses a statement.
    """
    connection = postgres.connect(settings, autocommit=True)
    try:
        yield connection
    except psycopg2.Error as error:
        what, remedy = "Postgres refuses a statement", postgres.explained(error).remedy
        if connection.closed:
            what, remedy = "the connection to Postgres was lost", "See that it runs and what its log says"
        raise PlimsollError(
            f"{what}: {in_short(error)}",
            where=str(settings.database),
            remedy=f"{remedy}; then run again: it goes on where it stopped",
        ) from error
    finally:
        connection.close()
