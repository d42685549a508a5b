"""A random but repeatable history of an organisation, written to `raw_github` step by step as syncs would."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.dbt.raw_github import RawGithub

END = datetime(2026, 11, 19, 18, tzinfo=UTC)
DAYS = 100

TITLES = (
    "feat: berth calendar",
    "feat(api)!: drop v1",
    "fix: tide table",
    "Fix\r\nthe ledger",
    "Add customs export",
    'Revert "feat: berth calendar"',
    "Bump lodash from 1 to 2",
    "İmprove the yard map",
    "Rework sessions 🚢",
    "docs: how to moor",
    "Introduce retries",
    "",
)
PATHS = (
    "src/billing/invoice.py",
    "src/auth/session.py",
    "src/latest.py",
    "src/inspect.py",
    "src/locks/mutex.go",
    "tests/test_invoice.py",
    "docs/authors.md",
    "docs/sqlalchemy_docs.rst",
    "migrations/0007_berths.sql",
    "api/openapi.yaml",
    ".github/workflows/ci.yml",
    "environment/prod.env",
    "assets/logo.png",
    "web/confirm.ts",
)
PATCHES = (
    None,
    "@@ -1 +1 @@\n-if user.is_admin:\n-    raise PermissionError\n+pass",
    "@@ -1 +1 @@\n+alter table berths drop column depth;",
    "@@ -1 +1 @@\n-logger.info('moored')\n+x = 1",
)
LABELS = ("feature", "bug", "Enhancement", "documentation", "dependencies", "team/berths", "good first issue")
BODIES = (
    "",
    None,
    "Lets agents see a berth.\n\nMore.",
    "<!-- template -->\n## What\n- [ ] tests",
    "> quoted\n\nProse at last.",
)


class History:
    """An organisation that changes at random.

    Args:
        seed: the same seed makes the same history.
    """

    raw: RawGithub

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.users: dict[int, dict[str, Any]] = {}
        self.repositories = {10: "acme/harbour", 11: "acme/tower"}
        self.pull_requests: dict[int, dict[str, Any]] = {}
        self.next_id = 1_000

    def begin(self, raw: RawGithub, pull_requests: int = 30) -> None:
        """Write where it all starts."""
        self.raw = raw
        for repository_id, name in self.repositories.items():
            raw.repository(repository_id, name)
        for _ in range(8):
            self.new_account()
        for _ in range(pull_requests):
            self.open()

    def step(self, raw: RawGithub) -> list[str]:
        """Change one to five things; return what was done, for the message of a failing test."""
        self.raw = raw
        changes: list[Callable[[], str]] = [
            self.open, self.open, self.edit, self.merge, self.merge, self.close, self.reopen, self.delete, self.restore,
            self.push, self.push, self.relabel, self.review, self.review, self.comment, self.remark, self.mark_ready,
            self.rename_account, self.rename_repository, self.delete_account, self.new_account, self.summarise,
        ]  # fmt: skip
        return [self.random.choice(changes)() for _ in range(self.random.randint(1, 5))]

    def new_account(self) -> str:
        """An account appears; one in four is a bot."""
        user_id = self._new_id()
        kind = self.random.choice(["User", "User", "User", "Bot"])
        self.users[user_id] = {"login": f"{kind.lower()}-{user_id}", "type": kind, "name": f"Name {user_id}"}
        self.raw.user(user_id, **self.users[user_id])
        return f"new account {user_id}"

    def rename_account(self) -> str:
        """An account takes another login, at times one that was free again."""
        user_id = self.random.choice(list(self.users))
        self.users[user_id]["login"] = f"renamed-{self._new_id()}"
        self.raw.user(user_id, **self.users[user_id])
        return f"account {user_id} renamed"

    def delete_account(self) -> str:
        """An account is deleted: its work is ghost's."""
        user_id = self.random.choice(list(self.users))
        self.users[user_id]["deleted_at"] = END
        self.raw.user(user_id, **self.users[user_id])
        return f"account {user_id} deleted"

    def rename_repository(self) -> str:
        """A repository is renamed or transferred."""
        repository_id = self.random.choice(list(self.repositories))
        self.repositories[repository_id] = f"acme/renamed-{self._new_id()}"
        self.raw.repository(repository_id, self.repositories[repository_id])
        return f"repository {repository_id} renamed"

    def open(self) -> str:
        """A pull request is opened; what happens to it then is partly known already."""
        pull_request_id = self._new_id()
        created_at = END - timedelta(hours=self.random.uniform(1, DAYS * 24))
        is_draft = self.random.random() < 0.2
        self.pull_requests[pull_request_id] = {
            "repository_id": self.random.choice(list(self.repositories)),
            "author_id": self._someone(),
            "title": self.random.choice(TITLES),
            "body": self.random.choice(BODIES),
            "created_at": created_at,
            "is_draft": is_draft,
            "files": self._files(),
            "commits": self._commits(created_at),
            "labels": self._labels(pull_request_id),
            "reviews": [],
            "comments": [],
            "review_threads": [],
            "review_comments": [],
            "events": [],
        }
        self._write(pull_request_id)
        for action in (self.review, self.comment, self.remark, self.merge):
            if self.random.random() < 0.5:
                action(pull_request_id)
        return f"opened {pull_request_id}"

    def edit(self) -> str:
        """Title, body or author's association change."""
        pull_request_id, row = self._any()
        row["title"] = self.random.choice(TITLES)
        row["body"] = self.random.choice(BODIES)
        self._write(pull_request_id)
        return f"edited {pull_request_id}"

    def merge(self, pull_request_id: int | None = None) -> str:
        """A pull request is merged, at a time between its creation and the end."""
        pull_request_id, row = self._any(pull_request_id)
        if row.get("closed_at"):
            return f"{pull_request_id} was closed already"
        row["merged_at"] = row["closed_at"] = self._later(row)
        row["merged_by_id"] = self._someone()
        row["is_draft"] = False
        self._event(row, "MergedEvent", row["merged_at"])
        self._write(pull_request_id)
        return f"merged {pull_request_id}"

    def close(self) -> str:
        """A pull request is closed without a merge."""
        pull_request_id, row = self._any()
        if row.get("closed_at"):
            return f"{pull_request_id} was closed already"
        row["closed_at"] = self._later(row)
        self._event(row, "ClosedEvent", row["closed_at"])
        self._write(pull_request_id)
        return f"closed {pull_request_id}"

    def reopen(self) -> str:
        """A closed pull request is opened again."""
        pull_request_id, row = self._any()
        if row.get("merged_at") or not row.get("closed_at"):
            return f"{pull_request_id} cannot be reopened"
        self._event(row, "ReopenedEvent", self._later(row))
        row["closed_at"] = None
        self._write(pull_request_id)
        return f"reopened {pull_request_id}"

    def mark_ready(self) -> str:
        """A draft is marked ready, or a ready one made a draft."""
        pull_request_id, row = self._any()
        if row.get("closed_at"):
            return f"{pull_request_id} is closed"
        row["is_draft"] = not row["is_draft"]
        self._event(row, "ConvertToDraftEvent" if row["is_draft"] else "ReadyForReviewEvent", self._later(row))
        self._write(pull_request_id)
        return f"{pull_request_id} draft {row['is_draft']}"

    def delete(self) -> str:
        """GitHub no longer has a pull request: its row gets deleted_at, its children stay as they were."""
        pull_request_id, row = self._any()
        row["deleted_at"] = END
        self._write(pull_request_id)
        return f"deleted {pull_request_id}"

    def restore(self) -> str:
        """A pull request that was gone is there again, as after a transfer back."""
        gone = [key for key, row in self.pull_requests.items() if row.get("deleted_at")]
        if not gone:
            return "nothing to restore"
        pull_request_id = self.random.choice(gone)
        self.pull_requests[pull_request_id]["deleted_at"] = None
        self._write(pull_request_id)
        return f"restored {pull_request_id}"

    def push(self) -> str:
        """A force push replaces files and commits."""
        pull_request_id, row = self._any()
        row["files"] = self._files()
        row["commits"] = self._commits(row["created_at"])
        self._write(pull_request_id)
        return f"pushed {pull_request_id}"

    def relabel(self) -> str:
        """The labels of a pull request change."""
        pull_request_id, row = self._any()
        row["labels"] = self._labels(pull_request_id)
        self._write(pull_request_id)
        return f"relabelled {pull_request_id}"

    def review(self, pull_request_id: int | None = None) -> str:
        """A review, before or long after the merge; by the author or by nobody's account at times."""
        pull_request_id, row = self._any(pull_request_id)
        state = self.random.choice(["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING"])
        at = self._later(row)
        row["reviews"].append(
            {
                "id": self._new_id(),
                "author_id": self._someone(),
                "state": state,
                "created_at": at,
                "submitted_at": None if state == "PENDING" else at,
            }
        )
        self._write(pull_request_id)
        return f"reviewed {pull_request_id}"

    def comment(self, pull_request_id: int | None = None) -> str:
        """A comment is written, or the oldest one deleted."""
        pull_request_id, row = self._any(pull_request_id)
        if row["comments"] and self.random.random() < 0.3:
            row["comments"].pop(0)
        else:
            row["comments"].append({"id": self._new_id(), "author_id": self._someone(), "created_at": self._later(row)})
        self._write(pull_request_id)
        return f"commented {pull_request_id}"

    def remark(self, pull_request_id: int | None = None) -> str:
        """An inline remark opens a thread."""
        pull_request_id, row = self._any(pull_request_id)
        thread = f"T{self._new_id()}"
        row["review_threads"].append({"id": thread, "path": PATHS[0], "comments_total": 1})
        row["review_comments"].append(
            {
                "id": self._new_id(),
                "thread_id": thread,
                "author_id": self._someone(),
                "path": PATHS[0],
                "created_at": self._later(row),
            }
        )
        self._write(pull_request_id)
        return f"remarked on {pull_request_id}"

    def summarise(self) -> str:
        """The enrichment writes a summary."""
        pull_request_id, _ = self._any()
        self.raw.summary(pull_request_id, f"Summary {self._new_id()}.")
        return f"summarised {pull_request_id}"

    def _any(self, pull_request_id: int | None = None) -> tuple[int, dict[str, Any]]:
        pull_request_id = pull_request_id or self.random.choice(list(self.pull_requests))
        return pull_request_id, self.pull_requests[pull_request_id]

    def _write(self, pull_request_id: int) -> None:
        self.raw.pull_request(pull_request_id, **self.pull_requests[pull_request_id])

    def _new_id(self) -> int:
        self.next_id += 1
        return self.next_id

    def _someone(self) -> int | None:
        return self.random.choice([*self.users, *self.users, None])

    def _later(self, row: dict[str, Any]) -> datetime:
        return row["created_at"] + (END - row["created_at"]) * self.random.random()

    def _event(self, row: dict[str, Any], kind: str, at: datetime) -> None:
        row["events"].append({"id": f"E{self._new_id()}", "type": kind, "created_at": at, "actor_id": self._someone()})

    def _files(self) -> list[dict[str, Any]]:
        chosen = self.random.sample(PATHS, self.random.randint(0, 5))
        return [
            {
                "path": path,
                "change_type": self.random.choice(["ADDED", "MODIFIED", "DELETED", "RENAMED"]),
                "additions": self.random.choice([0, 0, 3, 60, 250, 900]),
                "deletions": self.random.choice([0, 0, 2, 40, 300]),
                "patch": self.random.choice(PATCHES),
            }
            for path in chosen
        ]

    def _commits(self, created_at: datetime) -> list[dict[str, Any]]:
        return [
            {
                "oid": f"{self._new_id():040d}",
                "position": position,
                "author_user_id": self._someone(),
                "committed_at": created_at + (END - created_at) * self.random.random(),
            }
            for position in range(self.random.randint(1, 4))
        ]

    def _labels(self, pull_request_id: int) -> list[dict[str, Any]]:
        names = self.random.sample(LABELS, self.random.choice([0, 0, 1, 2]))
        return [{"label_id": f"L{pull_request_id}{name}", "name": name, "color": "00ff00"} for name in names]
