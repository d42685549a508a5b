"""Postgres as dlt's destination, reached by the very URL that the settings make."""

from typing import Any

import dlt
from dlt.destinations.impl.postgres.postgres import PostgresClient

from warehouse.settings import Connection


class Postgres(dlt.destinations.postgres):
    """dlt's Postgres, but for the URL.

    dlt takes a URL apart and puts another together, with spaces that libpq does not read: an account with one could not
    connect, and libpq's complaint quotes the password.

    Args:
        database: the database.
    """

    def __init__(self, database: Connection) -> None:
        super().__init__(database.dlt_url, destination_name="postgres")
        self._url = database.dlt_url

    @property
    def client_class(self) -> type[PostgresClient]:
        """The client of dlt, whose credentials are the URL as it was given."""
        url = self._url

        class Client(PostgresClient):
            def __init__(self, schema: Any, config: Any, capabilities: Any) -> None:
                # of this one object: dlt makes new ones of its own class from a subclass
                object.__setattr__(config.credentials, "to_native_representation", lambda: url)
                super().__init__(schema, config, capabilities)

        return Client
