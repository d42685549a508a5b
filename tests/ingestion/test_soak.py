"""Many rounds of changes and runs end as one fresh load does."""

import os
import random
from pathlib import Path

from ingestion.sources.github import tables
from tests.databases import database
from tests.github_api import GitHubDouble, Limits, Organisation
from tests.github_api.model import Account, File, PullRequest, Repository
from tests.github_api.mutations import Mutations
from tests.ingestion.conftest import at, run
from tests.ingestion.warehouse_copy import Contents, contents, differences
from warehouse.settings import Settings

# two hundred on demand: PLIMSOLL_SOAK_ROUNDS=200
ROUNDS = int(os.environ.get("PLIMSOLL_SOAK_ROUNDS", "6"))
CHANGES = 12


class Changes:
    """Random changes of everything whose trace GitHub shows in `updatedAt`.

    Args:
        organisation: what to change.
        rng: decides.
    """

    def __init__(self, organisation: Organisation, rng: random.Random) -> None:
        self._organisation = organisation
        self._mutate = Mutations(organisation)
        self._rng = rng

    def one(self) -> None:
        """Makes one change."""
        kinds = (
            *(self._open, self._edit, self._merge_or_close, self._reopen, self._draft, self._delete, self._comment),
            *(self._edit_comment, self._delete_comment, self._review, self._push, self._force_push, self._label),
            *(self._request, self._rename_repository, self._rename_account),
        )
        weights = (4, 6, 4, 2, 2, 1, 8, 4, 4, 6, 5, 3, 5, 3, 0.3, 0.5)
        self._rng.choices(kinds, weights=weights)[0]()

    def _repository(self) -> Repository:
        return self._rng.choice(self._organisation.repositories(self._organisation.account))

    def _pull_request(self) -> PullRequest:
        return self._rng.choice(list(self._repository().pull_requests.values()))

    def _person(self) -> Account:
        return self._rng.choice([account for account in self._organisation.accounts() if account.kind == "User"])

    def _text(self) -> str:
        return f"Text {self._rng.randrange(10**6)} ⚓ \u0000\r\n"

    def _open(self) -> None:
        files = [
            File(path=f"src/{number}.py", change_type="ADDED", additions=number, deletions=0) for number in range(3)
        ]
        is_draft = self._rng.random() < 0.3
        self._mutate.open(self._repository(), title=self._text(), author=self._person(), files=files, is_draft=is_draft)

    def _edit(self) -> None:
        self._mutate.edit(self._pull_request(), title=self._text(), body=self._text())

    def _merge_or_close(self) -> None:
        row = self._pull_request()
        if row.state == "OPEN":
            (self._mutate.merge if self._rng.random() < 0.7 else self._mutate.close)(row, self._person())

    def _reopen(self) -> None:
        row = self._pull_request()
        if row.state == "CLOSED":
            self._mutate.reopen(row, self._person())

    def _draft(self) -> None:
        row = self._pull_request()
        (self._mutate.mark_ready if row.is_draft else self._mutate.convert_to_draft)(row)

    def _delete(self) -> None:
        self._mutate.delete(self._pull_request())

    def _comment(self) -> None:
        self._mutate.comment(self._pull_request(), self._person(), self._text())

    def _edit_comment(self) -> None:
        row = self._pull_request()
        if row.comments:
            self._mutate.edit_text(self._rng.choice(row.comments), self._text())

    def _delete_comment(self) -> None:
        row = self._pull_request()
        written = [*row.comments, *(comment for thread in row.review_threads for comment in thread.comments)]
        if written:
            self._mutate.delete_comment(self._rng.choice(written))

    def _review(self) -> None:
        row, states = self._pull_request(), ("APPROVED", "COMMENTED", "CHANGES_REQUESTED")
        review = self._mutate.review(row, self._person(), self._rng.choice(states), self._text())
        thread = self._mutate.start_thread(review, "src/a.py", 3, self._text())
        self._mutate.reply(thread, review, self._person(), self._text())

    def _push(self) -> None:
        self._mutate.push(self._pull_request(), self._text(), self._person())

    def _force_push(self) -> None:
        row = self._pull_request()
        self._mutate.force_push(row, [self._text() for _ in range(self._rng.randrange(3))], row.author)
        self._mutate.set_files(row, [File(path="src/new.py", change_type="ADDED", additions=1, deletions=0)])

    def _label(self) -> None:
        row = self._pull_request()
        if row.labels and self._rng.random() < 0.5:
            self._mutate.remove_label(row, self._rng.choice(row.labels).name)
        else:
            self._mutate.add_label(row, self._rng.choice(sorted(row.repository.labels)))

    def _request(self) -> None:
        self._mutate.request_review(self._pull_request(), self._person())

    def _rename_repository(self) -> None:
        row = self._repository()
        self._mutate.rename_repository(row, f"{row.name.split('-then-')[0]}-then-{self._rng.randrange(1000)}")

    def _rename_account(self) -> None:
        self._mutate.rename_account(self._person(), f"renamed-{self._rng.randrange(10**6)}")


def test_rounds_of_changes_end_as_a_fresh_load(home: Path, loaded: Settings, organisation: Organisation) -> None:
    rng = random.Random(ROUNDS)
    changes = Changes(organisation, rng)
    with GitHubDouble(organisation, limits=Limits(points=10**6)) as api, database(home, "soak_fresh") as fresh:
        incremental = at(loaded, api)
        for _ in range(ROUNDS):
            for _ in range(rng.randrange(CHANGES)):
                changes.one()
            assert run(incremental).is_complete
        assert run(incremental, reconcile=True).is_complete
        assert run(at(fresh, api)).is_complete
        expected = contents(fresh)
        assert differences(expected, alive(contents(incremental), organisation, expected)) == {}


def alive(found: Contents, organisation: Organisation, fresh: Contents) -> Contents:
    """Returns the contents without what the tables keep of things that are gone, and so a fresh load cannot have."""
    repositories = organisation.repositories(organisation.account)
    living = {row.database_id for repository in repositories for row in repository.pull_requests.values()}
    # accounts stay known after the last thing they did is gone
    seen = {row[0] for row in fresh["users"]}
    kept = {"users": [row for row in found["users"] if row[0] in seen], "repositories": found["repositories"]}
    for table in tables.TABLES:
        if table.name not in kept:
            column = list(table.columns).index("pull_request_id" if table.is_child else "id")
            kept[table.name] = [row for row in found[table.name] if row[column] in living]
    return kept
