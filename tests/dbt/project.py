"""dbt and its database, as the tests use them."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dbt.cli.main import dbtRunner
from psycopg2 import extensions, extras

from warehouse.postgres import connect
from warehouse.settings import ROOT, load_settings

PROJECT = ROOT / "dbt_project"
# all that holds rows: in a copy of a built database the views and the day spine are there already
TABLES = ("--exclude", "path:models/staging/github", "path:models/utilities", "*_latest")


@dataclass(frozen=True)
class Outcome:
    """What one dbt command did.

    Attributes:
        success: whether dbt calls it a success.
        statuses: node name to status: success, pass, fail, error, warn, skipped.
        messages: node name to dbt's message.
        listed: what `dbt list` found.
        failure: why the command as a whole failed; empty if it ran.
    """

    success: bool
    statuses: Mapping[str, str]
    messages: Mapping[str, str]
    listed: Sequence[str]
    failure: str

    def named(self, *statuses: str) -> dict[str, str]:
        """The messages of the nodes that ended in one of `statuses`."""
        return {name: self.messages[name] for name, status in self.statuses.items() if status in statuses}

    def check(self) -> "Outcome":
        """This outcome; raises AssertionError with dbt's messages if it is not a success without warnings."""
        wrong = self.named("fail", "error", "warn", "runtime error")
        assert self.success and not wrong, self.failure or wrong
        return self


class Project:
    """The dbt project over one database of the embedded server.

    Args:
        home: the data folder of the embedded server.
        database: the database's name.
        target_path: where dbt keeps its parsed project; shared between tests, since parsing is the slow part.
    """

    def __init__(self, home: Path, database: str, target_path: Path) -> None:
        self.home = home
        self.database = database
        self.target_path = target_path

    def connect(self, dbname: str = "") -> extensions.connection:
        """A new connection to the database."""
        return connect(load_settings(PLIMSOLL_HOME=self.home, pgdatabase=dbname or self.database))

    def dbt(self, *arguments: str, vars: Mapping[str, Any] | None = None, project: Path = PROJECT) -> Outcome:
        """Run one dbt command in this process.

        Args:
            arguments: the command and its options.
            vars: dbt vars.
            project: the project's folder; a changed copy, for tests that change models or seeds.
        """
        command = [*arguments, "--project-dir", str(project), "--profiles-dir", str(ROOT), "--quiet", "--no-use-colors"]
        command += ["--target-path", str(self.target_path), "--log-path", str(self.target_path / "logs")]
        if vars:
            command += ["--vars", yaml.safe_dump(dict(vars))]
        with self._environment():
            result = dbtRunner().invoke(command)
        results = getattr(result.result, "results", None) or []
        return Outcome(
            success=bool(result.success),
            statuses={item.node.name: str(item.status) for item in results},
            messages={item.node.name: str(item.message) for item in results},
            listed=result.result if isinstance(result.result, list) else (),
            failure=str(result.exception or ""),
        )

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """The rows of one query as dictionaries."""
        with closing(self.connect()) as connection, connection.cursor(cursor_factory=extras.RealDictCursor) as cursor:
            cursor.execute(query, parameters or None)
            return [dict(row) for row in cursor.fetchall()]

    def value(self, query: str) -> Any:
        """The single value of a query."""
        [row] = self.rows(query)
        [value] = row.values()
        return value

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Run and commit one statement."""
        with closing(self.connect()) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)

    @contextmanager
    def copy(self, name: str) -> Iterator["Project"]:
        """A copy of this database with all its rows, dropped afterwards."""
        administrator = self.connect("postgres")
        administrator.autocommit = True
        cursor = administrator.cursor()
        cursor.execute(f'drop database if exists "{name}" with (force)')
        # file copy clones a small database faster than the default, which writes every page to the log
        cursor.execute(f'create database "{name}" template "{self.database}" strategy file_copy')
        try:
            yield Project(self.home, name, self.target_path)
        finally:
            cursor.execute(f'drop database if exists "{name}" with (force)')
            administrator.close()

    @contextmanager
    def _environment(self) -> Iterator[None]:
        """The variables that profiles.yml reads, for the length of one command."""
        values = {"PLIMSOLL_HOME": str(self.home), "PGDATABASE": self.database}
        values["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
        before = {name: os.environ.get(name) for name in values}
        os.environ.update(values)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
