"""Backup and restore: the whole of it or nothing."""

from contextlib import closing
from pathlib import Path

import pytest

from tests.databases import database
from warehouse import backup, postgres
from warehouse.errors import PlimsollError
from warehouse.settings import Settings


def test_backup_restores_into_an_empty_database_only(home: Path, settings: Settings, tmp_path: Path) -> None:
    with closing(postgres.connect(settings, autocommit=True)) as connection:
        connection.cursor().execute(
            "create schema raw_github; create table raw_github.kept (id bigint primary key, text text);"
            "insert into raw_github.kept values (1, 'a'), (2, 'Ünïcode 🚢')"
        )
    file = tmp_path / "warehouse.dump"
    backup.dump(settings, file)
    with pytest.raises(PlimsollError, match="holds a warehouse already"):
        backup.restore(settings, file)
    with database(home, "restored") as empty:
        backup.restore(empty, file)
        with closing(postgres.connect(empty)) as connection, connection.cursor() as cursor:
            cursor.execute("select id, text from raw_github.kept order by id")
            assert cursor.fetchall() == [(1, "a"), (2, "Ünïcode 🚢")]
    assert [path.name for path in tmp_path.iterdir()] == ["warehouse.dump"]


def test_broken_backup_leaves_the_database_empty(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "broken.dump"
    file.write_bytes(b"PGDMP but not really")
    with pytest.raises(PlimsollError, match="pg_restore failed"):
        backup.restore(settings, file)


def test_half_a_backup_leaves_the_database_empty(home: Path, settings: Settings, tmp_path: Path) -> None:
    with closing(postgres.connect(settings, autocommit=True)) as connection:
        connection.cursor().execute(
            "create schema raw_github; create table raw_github.kept as "
            "select n, md5(n::text) from generate_series(1, 50000) n"
        )
    file = tmp_path / "warehouse.dump"
    backup.dump(settings, file)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 2 // 3])
    with database(home, "half_restored") as empty:
        with pytest.raises(PlimsollError, match="pg_restore failed"):
            backup.restore(empty, file)
        with closing(postgres.connect(empty)) as connection, connection.cursor() as cursor:
            cursor.execute("select to_regnamespace('raw_github')")
            assert cursor.fetchone() == (None,)


def test_restore_ends_at_what_the_database_refuses(home: Path, settings: Settings, tmp_path: Path) -> None:
    with closing(postgres.connect(settings, autocommit=True)) as connection:
        connection.cursor().execute("create schema raw_github; create table raw_github.kept (id int)")
    file = tmp_path / "warehouse.dump"
    backup.dump(settings, file)
    with database(home, "refusing") as full:
        with closing(postgres.connect(full, autocommit=True)) as connection:
            connection.cursor().execute(
                "create function refuse() returns event_trigger language plpgsql as "
                "$$ begin raise exception 'no tables here'; end $$;"
                "create event trigger refuse on ddl_command_start "
                "when tag in ('CREATE TABLE') execute function refuse()"
            )
        with pytest.raises(PlimsollError, match="psql failed"):
            backup.restore(full, file)
        with closing(postgres.connect(full)) as connection, connection.cursor() as cursor:
            cursor.execute("select to_regnamespace('raw_github')")
            assert cursor.fetchone() == (None,)


def test_restore_keeps_rows_that_look_like_settings(home: Path, settings: Settings, tmp_path: Path) -> None:
    with closing(postgres.connect(settings, autocommit=True)) as connection:
        connection.cursor().execute(
            "create schema raw_github; create table raw_github.kept as select 'SET transaction_timeout = 0;' as text"
        )
    backup.dump(settings, tmp_path / "warehouse.dump")
    with database(home, "settings_restored") as empty:
        backup.restore(empty, tmp_path / "warehouse.dump")
        with closing(postgres.connect(empty)) as connection, connection.cursor() as cursor:
            cursor.execute("select text from raw_github.kept")
            assert cursor.fetchall() == [("SET transaction_timeout = 0;",)]
