"""The embedded server: started once, found again, private; and connections that fail in one line."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.databases import database
from warehouse import backup, health, postgres
from warehouse.errors import PlimsollError
from warehouse.settings import Settings, load_settings


@pytest.fixture
def own() -> Iterator[Settings]:
    """A server of the test's own, in a folder with spaces and a long name."""
    with tempfile.TemporaryDirectory(prefix="plimsoll test ") as folder:
        settings = load_settings(PLIMSOLL_HOME=Path(folder).resolve() / ("deep " * 8).strip() / "home")
        yield settings
        postgres.stop(settings)


def test_server_keeps_its_data_over_a_stop(own: Settings) -> None:
    with closing(postgres.connect(own, autocommit=True)) as connection:
        connection.cursor().execute("create table kept as select 42 as answer")
    assert not postgres.start(own)
    assert postgres.stop(own)
    assert not postgres.stop(own)
    with closing(postgres.connect(own)) as connection, connection.cursor() as cursor:
        cursor.execute("select answer from kept")
        assert cursor.fetchone() == (42,)


def test_interrupted_initialisation_is_made_anew(own: Settings) -> None:
    left = own.home / "postgres"
    left.mkdir(parents=True)
    (left / "PG_VERSION").write_text("18\n")
    with closing(postgres.connect(own)) as connection, connection.cursor() as cursor:
        cursor.execute("select 1")
        assert cursor.fetchone() == (1,)


def test_server_listens_on_a_private_socket_alone(home: Path) -> None:
    settings = load_settings(PLIMSOLL_HOME=home)
    folder = Path(settings.database.host)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with closing(postgres.connect(settings)) as connection, connection.cursor() as cursor:
        cursor.execute("select current_setting('listen_addresses'), current_setting('TimeZone')")
        assert cursor.fetchone() == ("", "UTC")


@pytest.mark.parametrize(
    "url",
    ["postgresql://ann:s3cret@127.0.0.1:1/plimsoll", "postgresql://ann:s3cret@/plimsoll?host=/nonexistent"],
    ids=["nothing listens", "no such socket"],
)
def test_unreachable_server_is_one_line_without_the_password(url: str) -> None:
    with pytest.raises(PlimsollError, match="cannot connect to Postgres") as raised:
        postgres.connect(load_settings(DATABASE_URL=url))
    assert "DATABASE_URL" in str(raised.value)
    assert "s3cret" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_password_with_special_characters_connects(home: Path) -> None:
    """A real server that asks for a password, over TCP as external ones are reached."""
    password = "p@ss/w:o#r?d %41 'é\\"
    with tempfile.TemporaryDirectory(prefix="plimsoll-test-") as folder:
        settings = load_settings(PLIMSOLL_HOME=Path(folder).resolve())
        server = postgres.EmbeddedServer(settings.home)
        postgres.start(settings)
        with closing(postgres.connect(settings, autocommit=True)) as connection:
            connection.cursor().execute("create role ann login superuser password %s", (password,))
        postgres.stop(settings)
        with open(server.data / "postgresql.conf", "a") as configuration:
            configuration.write("listen_addresses = '127.0.0.1'\nport = 54329\n")
        (server.data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\nlocal all all trust\n")
        external = load_settings(
            PGHOST="127.0.0.1", PGPORT=54329, PGUSER="ann", PGPASSWORD=password, PGDATABASE="postgres"
        )
        server.start()
        try:
            for found in (external, load_settings(DATABASE_URL=external.database.url)):
                with closing(postgres.connect(found)) as connection, connection.cursor() as cursor:
                    cursor.execute("select current_user")
                    assert cursor.fetchone() == ("ann",)
            with pytest.raises(PlimsollError, match="password authentication failed"):
                postgres.connect(load_settings(DATABASE_URL=external.database.url.replace("p%40ss", "wrong")))
        finally:
            server.stop()


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


def test_health_says_what_is_down(settings: Settings, tmp_path: Path) -> None:
    broken = settings.model_copy(
        update={"github_api_url": "http://127.0.0.1:1", "milvus_url": str(tmp_path / "milvus.db")}
    )
    found = health.check(broken)
    assert set(found) == {"status", "timestamp", "version", "services"}
    assert set(found["services"]) == {"postgres", "milvus", "embeddings", "github"}
    assert found["status"] == "degraded"
    assert found["services"]["github"]["status"] == "down"
    assert found["services"]["postgres"]["status"] == "up"
    down = load_settings(DATABASE_URL="postgresql://ann@127.0.0.1:1/none", MILVUS_URL=str(tmp_path / "milvus.db"))
    assert health.check(down)["status"] == "down"


def test_command_line_fails_in_one_line(home: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": "postgresql://ann:s3cret@127.0.0.1:1/none"}
    for command in (["-m", "ingestion", "status"], ["-m", "warehouse", "psql"], ["-m", "warehouse", "docs"]):
        result = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, env=environment, check=False
        )
        assert result.returncode == 1
        assert result.stderr.startswith("error: cannot connect to Postgres")
        assert len(result.stderr.strip().splitlines()) == 1
        assert "s3cret" not in result.stdout + result.stderr
