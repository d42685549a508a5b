"""What the destination already holds, as far as a run wants to know it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from ingestion.sources.github.pull_requests import Entry
from ingestion.sources.github.shaping import Row
from ingestion.sources.github.tables import Table


class Known(Protocol):
    """What the tables already hold.

    Attributes:
        is_blind: whether it cannot tell, so that anything may be there already.
    """

    is_blind: bool

    def repository(self, name: str) -> Row | None:
        """The row of a repository, by its name as stored."""

    def pull_requests(self, repository_id: int, *, with_patches: bool = False) -> dict[int, datetime]:
        """Database id to `updated_at` of those whose rows are complete and which GitHub still had.

        Args:
            repository_id: the repository's database id.
            with_patches: leave out those that were read without patches.
        """

    def ids(self, repository_id: int) -> dict[int, bool]:
        """Database id of every pull request that has a row, be it of a killed load, to whether GitHub still had it."""

    def to_retry(self, repository_id: int) -> list[Entry]:
        """Pull requests of which something was set aside."""

    def rows(self, table: Table, ids: Sequence[int]) -> list[Row]:
        """Rows of a table by their ids."""

    def accounts(self) -> Mapping[int, Row]:
        """Every account's row by its id."""

    def lock(self, repository_id: int) -> bool:
        """Claim a repository for this run; False if another run has it."""

    def rename(self, before: Row, after: Row) -> None:
        """Give the rows of a renamed repository its new name and addresses."""

    def mark_deleted(self, repository_id: int) -> int:
        """Note of every pull request of a repository that GitHub has it no more; of how many that is news."""


class NothingKnown:
    """Knows no tables: every pull request that is listed counts as changed, and may have been loaded before."""

    is_blind = True

    def repository(self, name: str) -> Row | None:  # noqa: D102
        return None

    def pull_requests(self, repository_id: int, *, with_patches: bool = False) -> dict[int, datetime]:  # noqa: D102
        return {}

    def ids(self, repository_id: int) -> dict[int, bool]:  # noqa: D102
        return {}

    def to_retry(self, repository_id: int) -> list[Entry]:  # noqa: D102
        return []

    def rows(self, table: Table, ids: Sequence[int]) -> list[Row]:  # noqa: D102
        return []

    def accounts(self) -> Mapping[int, Row]:  # noqa: D102
        return {}

    def lock(self, repository_id: int) -> bool:  # noqa: D102
        return True

    def rename(self, before: Row, after: Row) -> None:  # noqa: D102
        pass

    def mark_deleted(self, repository_id: int) -> int:  # noqa: D102
        return 0
