"""Postgres as dlt's destination, with the connection that copies Arrow kept from one file to the next.

ADBC reads the whole catalogue when it connects, for some fifty milliseconds of processor time, and dlt connects anew
for each of the dozen files of a load: for a small one more than all else.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from adbc_driver_manager.dbapi import Connection
from dlt.common.destination.capabilities import DestinationCapabilitiesContext
from dlt.common.destination.client import LoadJob
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.normalizers.naming import NamingConvention
from dlt.destinations.impl.postgres.configuration import PostgresClientConfiguration
from dlt.destinations.impl.postgres.postgres import PostgresClient, PostgresParquetCopyJob

from warehouse.destination import Postgres
from warehouse.settings import Connection as Database


class CopyConnection:
    """One connection for all files, one file at a time: copying is fast, and merging goes on beside it."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    @contextmanager
    def use(self, connect: Callable[[], Connection]) -> Iterator[Connection]:
        """The connection, made if there is none; one that fails is not used again."""
        with self._lock:
            self._connection = self._connection or connect()
            try:
                yield self._connection
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """End it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class CopyingPostgres(Postgres):
    """dlt's Postgres, with a connection that lasts.

    Args:
        database: the database.
        connection: is used for copying; to be closed by whoever made it.
    """

    def __init__(self, database: Database, connection: CopyConnection) -> None:
        super().__init__(database)
        self._connection = connection
        self._configuration = self.configuration(self.spec(), accept_partial=True)

    def capabilities(
        self, config: PostgresClientConfiguration | None = None, naming: NamingConvention | None = None
    ) -> DestinationCapabilitiesContext:
        """What Postgres can do; dlt would look its configuration up anew for each of the many times it asks."""
        return super().capabilities(config or self._configuration, naming)

    @property
    def client_class(self) -> type[PostgresClient]:
        """The client, with jobs that share the connection."""
        connection, client = self._connection, super().client_class

        class Client(client):  # type: ignore[misc, valid-type]
            def create_load_job(
                self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
            ) -> LoadJob:
                job = super().create_load_job(table, file_path, load_id, restore)
                return _CopyJob(file_path, connection) if isinstance(job, PostgresParquetCopyJob) else job

        return Client


class _CopyJob(PostgresParquetCopyJob):
    def __init__(self, file_path: str, connection: CopyConnection) -> None:
        super().__init__(file_path)
        self._connection = connection

    def _connect(self) -> AbstractContextManager[Any]:  # type: ignore[override]
        return self._connection.use(super()._connect)
