"""Every setting, read from the environment and `.env` in this one place, typed and validated."""

import hashlib
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from warehouse.errors import PlimsollError

ROOT = Path(__file__).resolve().parent.parent
SOCKET_PORT = 5432


class Connection:
    """Where a Postgres is and as whom to use it.

    Attributes:
        host: a host name, or the folder of a Unix socket.
        parameters: further libpq parameters of the URL, such as `sslmode`.
    """

    def __init__(
        self,
        host: str,
        port: int = SOCKET_PORT,
        user: str = "postgres",
        password: str | None = None,
        dbname: str = "postgres",
        parameters: Mapping[str, str] | None = None,
        is_embedded: bool = False,
    ) -> None:
        self.host = host
        self.port = port
        self.user = user
        self.dbname = dbname
        self.is_embedded = is_embedded
        self.parameters = dict(parameters or {})
        self._password = password

    @classmethod
    def from_url(cls, url: str, password_elsewhere: str | None = None) -> Self:
        """Read `postgres[ql]://user:password@host:port/dbname?parameter=value`.

        A password may hold any character: percent-encoded as in every URL, or, where that leaves no doubt, as it is.

        Args:
            url: the URL.
            password_elsewhere: the password of a URL without one.

        Raises:
            ValueError: the URL is not one of PostgreSQL.
        """
        scheme, separator, rest = url.partition("://")
        if not separator or scheme.split("+")[0] not in ("postgres", "postgresql"):
            raise ValueError("it must start with postgresql://")
        # everything up to the last @ is the account: an unencoded @, / or # of a password stays inside it
        account, _, location = rest.rpartition("@")
        user, _, password = account.partition(":")
        try:
            parts = urlsplit(f"//{location}")
            port = parts.port
        except ValueError:
            # not what was found there: without an @ it is the password
            raise ValueError("the part after the password cannot be read; it is @host:port/database") from None
        parameters = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        host = parameters.pop("host", None) or unquote(parts.hostname or "") or "localhost"
        named_port = parameters.pop("port", port or SOCKET_PORT)
        if not str(named_port).isdecimal():
            raise ValueError("its port is no number")
        return cls(
            host=host,
            port=int(named_port),
            user=unquote(user) or parameters.pop("user", "postgres"),
            password=unquote(password) or parameters.pop("password", None) or password_elsewhere,
            dbname=unquote(parts.path.lstrip("/")) or "postgres",
            parameters=parameters,
        )

    @property
    def password(self) -> str | None:
        """The password in clear; never to be logged."""
        return self._password

    @property
    def _location(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The connection as a URL, with the password: for drivers, never for people."""
        account = quote(self.user, safe="")
        if self._password is not None:
            account += f":{quote(self._password, safe='')}"
        query = dict(self.parameters)
        location = self._location
        if self.host.startswith("/"):
            # the port, too, even the usual one: where it is missing libpq takes PGPORT
            query, location = query | {"host": self.host, "port": str(self.port)}, ""
        tail = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        return f"postgresql://{account}@{location}/{quote(self.dbname, safe='')}" + (f"?{tail}" if tail else "")

    @property
    def dlt_url(self) -> str:
        """The connection as dlt wants it: a URL with a password and a host, even where a socket needs neither.

        dlt copies texts as UTF-8, whatever encoding the session has.
        """
        parameters = {**self.parameters, "client_encoding": "UTF8"}
        host = self.host
        if host.startswith("/"):
            parameters["host"], host = host, "localhost"
        # an empty one is none to libpq, which then looks into PGPASSWORD and the password file
        password = self.password or ""
        return Connection(host, self.port, self.user, password, self.dbname, parameters).url

    def environment(self) -> dict[str, str]:
        """The connection as the `PG*` variables that psql, pg_dump and profiles.yml read."""
        values = {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": self.dbname,
            "PGCLIENTENCODING": "UTF8",
            **{_libpq_variable(name): value for name, value in self.parameters.items()},
        }
        if self._password:
            values["PGPASSWORD"] = self._password
        return values

    def __str__(self) -> str:
        """The connection for people: without the password."""
        if self.is_embedded:
            return f"the embedded Postgres at {self.host}"
        return f"{self.user}@{self._location}/{self.dbname}"

    def __repr__(self) -> str:
        """As `__str__`: a password must not show in a traceback either."""
        return f"Connection({self})"


def _libpq_variable(parameter: str) -> str:
    """The variable from which libpq takes a parameter of a connection: channel_binding from PGCHANNELBINDING."""
    irregular = {"application_name": "PGAPPNAME", "connect_timeout": "PGCONNECT_TIMEOUT"}
    return irregular.get(parameter, f"PG{parameter.replace('_', '').upper()}")


def socket_folder(home: Path) -> Path:
    """The folder of the embedded server's socket.

    A socket's path may have 103 bytes on macOS and 107 on Linux, a project's folder any length: so it is a short name
    made from the data folder's. profiles.yml makes the same name.
    """
    return Path("/tmp") / f"plimsoll-{hashlib.md5(str(home).encode(), usedforsecurity=False).hexdigest()}"  # noqa: S108


class Settings(BaseSettings):
    """The settings. Environment first, then `.env` in the repository's root, then the default.

    Empty means unset, and an empty variable unsets what `.env` says.
    """

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True, frozen=True
    )

    home: Path = Field(ROOT / ".plimsoll", validation_alias="PLIMSOLL_HOME", description="where local data lies")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field("INFO", description="what is logged")

    github_token: SecretStr | None = Field(None, description="a token that can read the repositories")
    github_tokens: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="several tokens that share the load, separated by commas"
    )
    github_app_id: str | None = Field(None, description="a GitHub App instead of a token")
    github_app_private_key: SecretStr | None = Field(None, description="its private key: the PEM, or a file's path")
    github_app_installation_id: str | None = Field(None, description="its installation")
    github_api_url: str = Field("https://api.github.com", description="REST; GitHub Enterprise: https://HOST/api/v3")
    github_graphql_url: str = Field("", description="GraphQL; unset: made from GITHUB_API_URL")

    database_url: SecretStr | None = Field(
        None, validation_alias=AliasChoices("DATABASE_URL", "SUPABASE_DB_URL"), description="an external Postgres"
    )
    pghost: str | None = Field(None, description="an external Postgres, the libpq way")
    pgport: int = Field(SOCKET_PORT, ge=1, le=65535)
    pguser: str = "postgres"
    pgpassword: SecretStr | None = None
    pgdatabase: str | None = None
    pgsslmode: str | None = None

    milvus_url: str = Field("", description="a Milvus server or Zilliz Cloud; unset: Milvus Lite in PLIMSOLL_HOME")
    milvus_token: SecretStr | None = Field(None, description="user:password, or an API key")

    openai_api_key: SecretStr | None = Field(None, description="embeds with OpenAI instead of the local model")
    openai_base_url: str | None = Field(None, description="a server that speaks OpenAI's API")
    embedding_model: str | None = Field(None, description="unset: text-embedding-3-small, or the local model")
    embedding_dimensions: int | None = Field(
        None, ge=8, le=32_768, description="vectors of so many dimensions, where the server can shorten them"
    )
    enrichment_model: str = Field("gpt-5-mini", description="the chat model of python -m embeddings enrich")

    batch_size: int = Field(50, ge=1, le=100, description="pull requests in one hydration request, at most")
    max_workers: int = Field(8, ge=1, le=64, description="requests in flight, at most")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources, the strongest first; see pydantic-settings."""
        if isinstance(dotenv_settings, DotEnvSettingsSource):
            # else an empty variable would do nothing where `.env` has one of its name
            dotenv_settings.env_vars = {
                name: value for name, value in dotenv_settings.env_vars.items() if os.environ.get(name.upper()) != ""
            }
        return init_settings, env_settings, dotenv_settings

    @field_validator("github_tokens", mode="before")
    @classmethod
    def _split_tokens(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(token for token in value.replace(",", " ").split() if token)
        return value

    @field_validator("github_token", "github_tokens", "openai_api_key")
    @classmethod
    def _sendable(
        cls, value: SecretStr | tuple[SecretStr, ...] | None, info: ValidationInfo
    ) -> SecretStr | tuple[SecretStr, ...] | None:
        for secret in (value,) if isinstance(value, SecretStr) else value or ():
            # it is sent as a header, which holds nothing else
            text = secret.get_secret_value().strip()
            if not text or not text.isascii() or not text.isprintable() or " " in text:
                kind = "key" if info.field_name == "openai_api_key" else "token"
                raise ValueError(f"it is not a {kind}, which is letters, digits and signs of ASCII without spaces")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        # profiles.yml names the socket's folder after the same text and cannot resolve a path
        if not value.is_absolute():
            raise ValueError("it must be an absolute path")
        return value

    @field_validator("github_api_url", "github_graphql_url", "openai_base_url")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("it must start with http:// or https://")
        return value.rstrip("/") if value else value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            Connection.from_url(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _app_is_whole(self) -> Self:
        parts = (self.github_app_id, self.github_app_private_key, self.github_app_installation_id)
        if any(parts) and not all(parts):
            raise ValueError(
                "GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY and GITHUB_APP_INSTALLATION_ID go together: set all or none"
            )
        return self

    @cached_property
    def database(self) -> Connection:
        """The Postgres to use: `DATABASE_URL`, else the `PG*` variables, else the embedded one."""
        password = self.pgpassword.get_secret_value() if self.pgpassword else None
        if self.database_url is not None:
            database = Connection.from_url(self.database_url.get_secret_value(), password)
            if self.pgsslmode:
                database.parameters.setdefault("sslmode", self.pgsslmode)
            return database
        if self.pghost:
            return Connection(
                host=self.pghost,
                port=self.pgport,
                user=self.pguser,
                password=password,
                dbname=self.pgdatabase or self.pguser,
                parameters={"sslmode": self.pgsslmode} if self.pgsslmode else None,
            )
        # PGDATABASE alone chooses a database of the embedded server
        return Connection(host=str(socket_folder(self.home)), dbname=self.pgdatabase or "postgres", is_embedded=True)

    @property
    def graphql_url(self) -> str:
        """GitHub's GraphQL address: on GitHub Enterprise `/api/graphql` beside `/api/v3`."""
        if self.github_graphql_url:
            return self.github_graphql_url
        return f"{self.github_api_url.removesuffix('/v3')}/graphql"

    @property
    def milvus_uri(self) -> str:
        """Milvus' address: a server's URL, or the file of Milvus Lite."""
        return self.milvus_url or str(self.home / "milvus.db")

    @property
    def milvus_name(self) -> str:
        """Milvus' address for people: without the password that its URL may hold."""
        return split_account(self.milvus_uri)[0]


def split_account(url: str) -> tuple[str, str]:
    """A URL without the account in it, as it may be shown and kept, and the account.

    Returns:
        (URL, `user:password` decoded); an empty account if the URL has none.
    """
    scheme, separator, rest = url.partition("://")
    # everything up to the last @ is the account: an unencoded @ or / of a password stays inside it
    account, _, location = rest.rpartition("@")
    return (scheme + separator + location, unquote(account)) if separator else (url, "")


def load_settings(**overrides: object) -> Settings:
    """Read the settings.

    Args:
        overrides: values that win over the environment, by field name or variable name; for tests and embedding
            programs.

    Raises:
        PlimsollError: a value is malformed, or `.env` cannot be read; the message names each variable and never shows
            its value.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except UnicodeDecodeError:
        raise PlimsollError(
            "the file is not UTF-8", where=str(Settings.model_config["env_file"]), remedy="Save it as UTF-8"
        ) from None
    except ValidationError as error:
        problems = "; ".join(
            f"{str(problem['loc'][-1]).upper() + ': ' if problem['loc'] else ''}"
            f"{problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise PlimsollError(
            f"a setting is malformed: {problems}", remedy="Correct it in the environment or in .env"
        ) from None
