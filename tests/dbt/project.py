"""dbt and its database, as the tests use them."""

import shutil
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from dbt.cli.main import dbtRunner
from dbt.constants import PARTIAL_PARSE_FILE_NAME
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import CompiledNode
from psycopg2 import extensions, sql

from warehouse.postgres import connect
from warehouse.settings import ROOT, Settings, load_settings

PROJECT = ROOT / "dbt_project"
# all that holds rows: in a copy of a built database the views and the day spine are there already
TABLES = ("--exclude", "path:models/staging/github", "path:models/utilities", "*_latest", "windowed_snapshots")
# the tests of single columns and models pass or fail with the sample; the singular ones look at whole warehouses
WITHOUT_SMALL_TESTS = ("--exclude", "test_type:generic", "test_type:unit")
MANIFESTS: dict[Path, Manifest] = {}
"""What dbt parsed, by the project's folder."""


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


class Databases:
    """The databases of one server, of which the one in use is always called `warehouse`.

    dbt reads its whole project again when the profile's database has another name than last time, which takes longer
    than most builds of a test. So a database takes the name while it is used, and gives it back for the next.

    Args:
        home: the data folder of the embedded server.
    """

    IN_USE = "warehouse"

    def __init__(self, home: Path) -> None:
        self.home = home
        self.current = ""

    def settings(self, dbname: str) -> Settings:
        """The settings under which everything uses one database."""
        return load_settings(PLIMSOLL_HOME=self.home, pgdatabase=dbname)

    def use(self, name: str) -> None:
        """Let one database be the warehouse."""
        if name == self.current:
            return
        if self.current:
            self._administer("alter database {} rename to {}", self.IN_USE, self.current)
        self._administer("alter database {} rename to {}", name, self.IN_USE)
        self.current = name

    def create(self, name: str, template: str = "template1") -> None:
        """Make a database, empty or a copy of another one."""
        template = self.IN_USE if template == self.current else template
        # file copy clones a small database faster than the default, which writes every page to the log
        self._administer("create database {} template {} strategy file_copy", name, template)

    def drop(self, name: str) -> None:
        """Drop a database."""
        if name == self.current:
            name, self.current = self.IN_USE, ""
        self._administer("drop database {} with (force)", name)

    def _administer(self, statement: str, *names: str) -> None:
        administrator = connect(self.settings("postgres"), autocommit=True)
        with closing(administrator), administrator.cursor() as cursor:
            cursor.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = any(%s)", (list(names),)
            )
            cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


class Project:
    """The dbt project over one database.

    Args:
        databases: where the database is.
        name: its name.
        targets: the folder for dbt's parsed projects.
    """

    def __init__(self, databases: Databases, name: str, targets: Path) -> None:
        self.databases = databases
        self.name = name
        self.targets = targets

    @property
    def settings(self) -> Settings:
        """The settings under which everything uses this database."""
        self.databases.use(self.name)
        return self.databases.settings(Databases.IN_USE)

    def connect(self) -> extensions.connection:
        """A new connection to the database."""
        return connect(self.settings)

    def target(self, project: Path = PROJECT) -> Path:
        """The folder of what dbt parsed and compiled."""
        return self.targets / f"{zlib.crc32(str(project).encode()):08x}"

    def dbt(self, *arguments: str, vars: Mapping[str, Any], project: Path = PROJECT) -> Outcome:
        """Run one dbt command in this process.

        A project is parsed once, without vars, and all commands share its manifest: vars are rendered when SQL is
        compiled, and no configuration depends on one.

        Args:
            arguments: the command and its options.
            vars: dbt vars.
            project: the project's folder; a changed copy, for tests that change models or seeds.
        """
        target = self.target(project)
        options = [
            "--project-dir", str(project), "--profiles-dir", str(ROOT), "--no-use-colors",
            "--target-path", str(target), "--log-level", "none", "--log-level-file", "none",
            # four would wait for each other's Python more than for the database: a tenth more of processor time
            *(("--threads", "2") if arguments[0] != "list" else ()),
            "--vars", yaml.safe_dump(dict(vars)),
        ]  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.settings.database.environment().items():
                patch.setenv(name, value)
            if project not in MANIFESTS:
                if project != PROJECT:
                    # of a changed copy dbt then parses what was changed alone
                    target.mkdir(parents=True)
                    shutil.copy(self.target() / PARTIAL_PARSE_FILE_NAME, target)
                parsed = dbtRunner().invoke(["parse", *options[:-2]])
                if not isinstance(parsed.result, Manifest):
                    return Outcome(False, {}, {}, (), str(parsed.exception))
                MANIFESTS[project] = parsed.result
            for node in MANIFESTS[project].nodes.values():
                # else dbt believes that the ephemeral models of an earlier command are in this one's SQL too
                if isinstance(node, CompiledNode):
                    node.extra_ctes, node.extra_ctes_injected = [], False
            # writing the manifest again takes longer than most commands; in a thread of its own dbt, which looks
            # through the whole stack for each of its behaviour flags, does not find pytest there
            runner = dbtRunner(MANIFESTS[project])
            with ThreadPoolExecutor(1) as thread:
                result = thread.submit(runner.invoke, [*arguments, *options, "--no-write-json"]).result()
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
        # psycopg2's own rows of names take three times as long
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

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
        self.databases.create(name, template=self.name)
        try:
            yield Project(self.databases, name, self.targets)
        finally:
            self.databases.drop(name)
