"""Settings: what names a Postgres, and that dbt's profile names the same one."""

import hashlib
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from dbt.config.renderer import ProfileRenderer
from dbt.flags import set_flags
from dbt_common.context import set_invocation_context
from hypothesis import given
from hypothesis import strategies as st

from warehouse import dbt
from warehouse.errors import PlimsollError
from warehouse.settings import ROOT, Connection, Settings, load_settings, socket_folder

URLS = {
    "percent-encoded password": "postgresql://ann:p%40ss%C3%A9%2Fword@db.example:6432/plimsoll?sslmode=require",
    "password as it is": "postgresql://ann:p@/#:?s\\s\"'@db.example:5/plimsoll",
    "socket in the query": "postgresql://ann@/plimsoll?host=%2Ftmp%2Fsocket%20folder",
    "host alone": "postgres://db.example/plimsoll",
    "IPv6": "postgresql://ann:p@ss@[::1]:6432/plimsoll",
    "IPv6 without a port": "postgresql://[2001:db8::1]/plimsoll",
    "certificate": "postgresql://ann@db.example/plimsoll?sslmode=verify-full&sslrootcert=%2Fsrv%2Fa%20folder%2Fca.pem",
    "dotted user": "postgresql://postgres.abcdef:secret@pooler.example:5432/postgres",
}


def profile(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> dict[str, Any]:
    """The target `dev` of profiles.yml as dbt renders it under these variables."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    set_invocation_context(dict(os.environ))
    set_flags(SimpleNamespace(PROFILES_DIR=str(ROOT), MACRO_DEBUGGING=False))
    raw = yaml.safe_load((ROOT / "profiles.yml").read_text())
    rendered: dict[str, Any] = ProfileRenderer({}).render_data(raw["plimsoll"]["outputs"]["dev"])
    return rendered


def same(database: Connection, rendered: dict[str, Any]) -> None:
    assert rendered["host"] == database.host
    assert int(rendered["port"]) == database.port
    assert rendered["user"] == database.user
    assert (rendered["password"] or None) == database.password
    assert rendered["dbname"] == database.dbname
    assert rendered["sslrootcert"] == database.parameters.get("sslrootcert", "")


@pytest.mark.parametrize("variable", ["DATABASE_URL", "SUPABASE_DB_URL"])
@pytest.mark.parametrize("url", URLS.values(), ids=URLS.keys())
def test_profile_and_settings_read_the_same_url(monkeypatch: pytest.MonkeyPatch, variable: str, url: str) -> None:
    rendered = profile(monkeypatch, {variable: url})
    same(load_settings().database, rendered)


def test_profile_and_settings_read_the_same_pg_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "PGHOST": "db.example",
        "PGPORT": "6432",
        "PGUSER": "ann",
        "PGPASSWORD": "p@ss",
        "PGSSLMODE": "require",
    }
    rendered = profile(monkeypatch, variables)
    same(load_settings().database, rendered)
    assert rendered["sslmode"] == load_settings().database.parameters["sslmode"] == "require"


def test_profile_finds_the_embedded_server(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path("/srv/a folder/plimsoll")
    rendered = profile(monkeypatch, {"PLIMSOLL_HOME": str(home)})
    assert rendered["host"] == str(socket_folder(home)) == load_settings().database.host
    monkeypatch.delenv("PLIMSOLL_HOME")
    rendered = profile(monkeypatch, {})
    assert rendered["host"] == load_settings().database.host


@pytest.mark.parametrize(
    "home", ["/srv/plimsoll/", "/srv//plimsoll/./", "/srv/.plimsoll", "/srv/plimsoll/.", "/a/../b"]
)
def test_profile_finds_the_embedded_server_however_its_home_is_written(
    monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    rendered = profile(monkeypatch, {"PLIMSOLL_HOME": home})
    assert rendered["host"] == load_settings().database.host


def test_password_may_stand_beside_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = profile(monkeypatch, {"DATABASE_URL": "postgresql://ann@db.example/plimsoll", "PGPASSWORD": "p@ss"})
    same(load_settings().database, rendered)
    assert rendered["password"] == "p@ss"
    rendered = profile(monkeypatch, {"DATABASE_URL": "postgresql://ann:own@db.example/plimsoll"})
    same(load_settings().database, rendered)
    assert rendered["password"] == "own"


@pytest.mark.parametrize(("query", "mode"), [("", "require"), ("?sslmode=verify-full", "verify-full")])
def test_sslmode_may_stand_beside_the_url(monkeypatch: pytest.MonkeyPatch, query: str, mode: str) -> None:
    url = f"postgresql://ann@db.example/plimsoll{query}"
    rendered = profile(monkeypatch, {"DATABASE_URL": url, "PGSSLMODE": "require"})
    assert rendered["sslmode"] == load_settings().database.parameters["sslmode"] == mode


def test_variables_are_those_that_libpq_reads() -> None:
    query = "application_name=cron&channel_binding=require&connect_timeout=5&options=-c%20jit%3Doff&sslrootcert=system"
    environment = Connection.from_url(f"postgresql://ann@db.example/plimsoll?{query}").environment()
    assert {name: environment[name] for name in environment.keys() - {"PGHOST", "PGPORT", "PGUSER", "PGDATABASE"}} == {
        "PGAPPNAME": "cron",
        "PGCHANNELBINDING": "require",
        "PGCLIENTENCODING": "UTF8",
        "PGCONNECT_TIMEOUT": "5",
        "PGOPTIONS": "-c jit=off",
        "PGSSLROOTCERT": "system",
    }


def test_account_without_a_host_is_not_the_embedded_server_s(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = profile(monkeypatch, {"PGUSER": "ann", "PGPASSWORD": "p@ss", "PGPORT": "6432", "PGDATABASE": "copy"})
    same(load_settings().database, rendered)
    assert rendered["user"] == "postgres"


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"PLIMSOLL_HOME": "/srv/a folder/plimsoll"},
        {"PLIMSOLL_HOME": "/srv/plimsoll", "pgdatabase": "copy"},
        {"DATABASE_URL": URLS["password as it is"]},
        {"DATABASE_URL": URLS["IPv6"]},
        {"DATABASE_URL": URLS["certificate"]},
        {"pghost": "db.example", "pguser": "ann", "pgpassword": "p@ss"},
    ],
    ids=lambda overrides: "+".join(overrides) or "nothing set",
)
def test_dbt_s_environment_leads_to_the_settings_database(
    monkeypatch: pytest.MonkeyPatch, overrides: dict[str, str]
) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://bob@elsewhere/other")
    settings = load_settings(**{"SUPABASE_DB_URL": None, "DATABASE_URL": None} | overrides)
    environment = dbt.environment(settings)
    for name in os.environ.keys() - environment.keys():
        monkeypatch.delenv(name)
    same(settings.database, profile(monkeypatch, environment))


def test_dbt_s_environment_says_nothing_that_the_profile_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    # else dbt, which compares them, would parse the whole project again after each `make run`
    assert {name for name in dbt.environment(load_settings()) if name.startswith(("PG", "PLIMSOLL"))} == set()


def test_socket_path_is_short_however_long_the_folder() -> None:
    home = Path("/") / ("long" * 60)
    # 103 bytes is the least of all systems
    assert len(f"{socket_folder(home)}/.s.PGSQL.5432") < 103
    assert hashlib.md5(str(home).encode(), usedforsecurity=False).hexdigest() in str(socket_folder(home))


@given(
    user=st.text(min_size=1).filter(lambda text: "\0" not in text),
    password=st.text(min_size=1).filter(lambda text: "\0" not in text),
    dbname=st.text("abc_-é /?", min_size=1),
)
def test_url_brings_any_account_through(user: str, password: str, dbname: str) -> None:
    before = Connection("db.example", 6432, user, password, dbname, {"sslmode": "require"})
    after = Connection.from_url(before.url)
    assert (after.host, after.port, after.user, after.password, after.parameters) == (
        "db.example", 6432, user, password, {"sslmode": "require"},
    )  # fmt: skip
    assert after.dbname == dbname


@pytest.mark.parametrize("host", ["2001:db8::1", "/srv/a folder/socket"])
def test_url_brings_any_host_through(host: str) -> None:
    after = Connection.from_url(Connection(host, 6432).url)
    assert (after.host, after.port, after.parameters) == (host, 6432, {})


def test_people_see_an_address_as_they_write_it() -> None:
    assert str(Connection("2001:db8::1", user="ann")) == "ann@[2001:db8::1]:5432/postgres"


def test_password_never_shows() -> None:
    settings = load_settings(DATABASE_URL="postgresql://ann:s3cret@db.example/plimsoll", GITHUB_TOKEN="t0ken")
    shown = f"{settings!r} {settings} {settings.database!r} {settings.database}"
    assert "s3cret" not in shown
    assert "t0ken" not in shown


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DATABASE_URL", "mysql://ann:s3cret@db.example/plimsoll", "postgresql://"),
        ("DATABASE_URL", "postgresql://ann:s3cret@db.example:port/plimsoll", "cannot be read"),
        ("DATABASE_URL", "postgresql://ann:s3cret/plimsoll", "cannot be read"),
        ("DATABASE_URL", "postgresql://ann@/plimsoll?port=s3cret", "port"),
        ("GITHUB_TOKEN", "s3cret…", "not a token"),
        ("GITHUB_TOKENS", "s3cret,s3crét", "not a token"),
        ("OPENAI_API_KEY", "s3cret key", "not a key"),
        ("GITHUB_API_URL", "api.github.com", "https://"),
        ("BATCH_SIZE", "many", "integer"),
        ("MAX_WORKERS", "0", "greater than or equal to 1"),
        ("LOG_LEVEL", "LOUD", "DEBUG"),
        ("PLIMSOLL_HOME", "relative/folder", "absolute"),
        ("GITHUB_APP_ID", "1", "GITHUB_APP_PRIVATE_KEY"),
    ],
)
def test_malformed_setting_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(PlimsollError, match="setting is malformed") as raised:
        load_settings()
    assert name in str(raised.value)
    assert said in str(raised.value)
    assert "s3cret" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_file_in_another_encoding_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes("PGUSER=Jérôme\n".encode("latin-1"))
    monkeypatch.setitem(Settings.model_config, "env_file", file)
    with pytest.raises(PlimsollError, match="UTF-8") as raised:
        load_settings()
    assert str(raised.value).startswith(f"{file}: ")


def test_empty_means_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("GITHUB_TOKENS", "one, two three")
    settings = load_settings()
    assert settings.database.is_embedded
    assert [token.get_secret_value() for token in settings.github_tokens] == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("api", "graphql"),
    [
        ("https://api.github.com", "https://api.github.com/graphql"),
        ("https://github.example/api/v3/", "https://github.example/api/graphql"),
    ],
)
def test_graphql_address_follows_the_rest_address(api: str, graphql: str) -> None:
    assert load_settings(GITHUB_API_URL=api).graphql_url == graphql


def test_readme_names_every_setting() -> None:
    readme = (ROOT / "README.md").read_text()
    for name, field in type(load_settings()).model_fields.items():
        alias = field.validation_alias
        names = alias.choices if hasattr(alias, "choices") else [alias or name.upper()]
        for variable in names:
            assert f"`{variable}`" in readme, f"the README does not explain {variable}"
