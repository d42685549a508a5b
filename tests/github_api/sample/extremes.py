"""The pull requests that break careless readers: too long, too many, empty, renamed, deleted, in every script."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.github_api.model import Account, GitActor, PullRequest, Repository

from .changes import DESTRUCTIVE, LEAKED_KEY, REMOVED_GUARD, binary, changed
from .people import DEPENDENCY_BOT, IMPORTED, LEAVER, OUTSIDER
from .stories import Cast, Story
from .vocabulary import SERVICE, WEB

TITLES = (
    "feat!: new booking interface for agents",
    'Revert "Revert "Berth plan on the big screen""',
    "İstanbul terminali için saat dilimi düzeltmesi",
    "إضافة التقويم الهجري إلى لوحة الأرصفة",
    "修复潮汐表在闰年的错误 🌊🚢👩‍✈️",
    "Zalgo t̷e̸x̵t̶ in vessel names \u202e and a hidden direction mark",
    "FIX: gate opens twice",
    "latest tide tables",
)
LONG_PARAGRAPH = "The log of the night, line by line, so that nobody has to search for it again. "
BODY_LIMIT = 65_536


class Extremes:
    """Makes one story of each kind, spread over the year.

    Attributes:
        cast: the accounts and repositories.
        start: the first day of the year.
    """

    def __init__(self, cast: Cast, start: datetime) -> None:
        self.cast = cast
        self.start = start
        self._moments = (start + timedelta(days=5 + 9 * index, hours=10) for index in range(40))

    def stories(self) -> Iterator[Story]:
        """Yields all of them."""
        for write in (
            *(self.many_files, self.many_commits, self.many_reviews, self.many_comments, self.long_thread),
            *(
                self.longest_body,
                self.no_files,
                self.huge_patch,
                self.renames_only,
                self.binaries_only,
                self.deleted_tests,
            ),
            *(self.leaked_key, self.removed_authorisation, self.narrowed_schema, self.misleading_paths),
            *(
                self.by_the_leaver,
                self.from_a_deleted_fork,
                self.by_an_import,
                self.dismissed_and_pending,
                self.odd_threads,
            ),
            *(self.unknown_committer, self.bot_feature, self.stays_open),
        ):
            yield write()
        for title in TITLES:
            yield self._merged(title, [changed("app/gate/confirm.py", 8, 3)], body="\r\n\r\n\t \u00a0\r\n")

    def _account(self, login: str) -> Account:
        return self.cast.accounts[login]

    def _open(
        self, title: str, files: Any, *, body: str = "", author: str = "ines-calder", repository: str = WEB, **more: Any
    ) -> tuple[Story, datetime]:
        story, moment = Story(self.cast), next(self._moments)
        story.open(moment, repository, title=title, body=body, author=self._account(author), files=files, **more)
        return story, moment

    def _merged(
        self, title: str, files: Any, *, body: str = "", author: str = "ines-calder", repository: str = WEB, **more: Any
    ) -> Story:
        story, moment = self._open(title, files, body=body, author=author, repository=repository, **more)
        story.do(moment + timedelta(hours=5), "review", self._account("tunde-afolabi"), "APPROVED")
        story.do(moment + timedelta(hours=6), "merge", self._account(author if author != OUTSIDER.login else "marek-w"))
        return story

    def _then(self, story: Story, moment: datetime, act: Callable[[PullRequest, str], Any]) -> None:
        story.then(moment, lambda current, at: act(current.pull_request, at))

    def many_files(self) -> Story:
        """More files than two pages hold."""
        files = [changed(f"web/src/icons/icon_{number:03}.tsx", 6, 4) for number in range(230)]
        return self._merged("Replace the icon set", files, body="Every icon is now a component.")

    def many_commits(self) -> Story:
        """More commits than a page holds."""
        story, moment = self._open("Import of ten years of tide tables", [changed("app/tides/tables.py", 900, 20)])
        for number in range(129):
            story.do(
                moment + timedelta(minutes=number), "push", f"Tables, part {number + 2}", self._account("ines-calder")
            )
        story.do(moment + timedelta(days=1), "merge", self._account("ines-calder"))
        return story

    def many_reviews(self) -> Story:
        """More reviews than a page holds, of every state."""
        story, moment = self._open(
            "Rules for who may enter the quay", [changed("app/auth/permissions.py", 60, 30)], author="tunde-afolabi"
        )
        states = ("COMMENTED", "COMMENTED", "CHANGES_REQUESTED", "APPROVED")
        for number in range(118):
            reviewer = self._account(("marek-w", "zoya-melnyk", "greta-lindqvist")[number % 3])
            story.do(
                moment + timedelta(minutes=7 * number), "review", reviewer, states[number % 4], f"Round {number + 1}"
            )
        story.do(moment + timedelta(days=3), "merge", self._account("tunde-afolabi"))
        return story

    def many_comments(self) -> Story:
        """More comments than a page holds, two in each second, some by people who are gone."""
        story, moment = self._open(
            "Which unit do we show draught in?", [changed("docs/guides/berth-planning.md", 4, 1)]
        )
        for number in range(150):
            writer = self._account((LEAVER.login, "dmarsh", "aoi-kobayashi")[number % 3])
            text = f"Metres. ({number})" if number % 2 else f"Feet. ({number})"
            story.do(moment + timedelta(seconds=number // 2), "comment", writer, text)
        return story

    def long_thread(self) -> Story:
        """A thread longer than a page, in a review that looks small."""
        story, moment = self._open("Lease on the berth", [changed("app/berths/locking/lease.py", 80, 10)])

        def act(pull_request: PullRequest, at: str) -> None:
            mutations = self.cast.mutations
            review = mutations.review(pull_request, self._account("yusuf-celik"), "COMMENTED", at=at)
            thread = mutations.start_thread(
                review, "app/berths/locking/lease.py", 14, "Is a lease of ten seconds enough?", at=at
            )
            for number in range(114):
                writer = self._account(("ines-calder", "yusuf-celik")[number % 2])
                mutations.reply(thread, review, writer, f"Measured again: {number / 10:.1f} s.", at=at)

        self._then(story, moment + timedelta(hours=3), act)
        story.do(moment + timedelta(days=2), "merge", self._account("ines-calder"))
        return story

    def longest_body(self) -> Story:
        """A body as long as GitHub allows."""
        body = (LONG_PARAGRAPH * (BODY_LIMIT // len(LONG_PARAGRAPH) + 1))[:BODY_LIMIT]
        return self._merged(
            "Write the night's log to the pull request", [changed("app/berths/models.py", 3, 1)], body=body
        )

    def no_files(self) -> Story:
        """Nothing changed at all, and nobody said anything."""
        return self._open("Empty change to start the pipeline", [], author="dmarsh")[0]

    def huge_patch(self) -> Story:
        """More lines than REST gives patches for."""
        files = [
            changed(f"internal/customs/tables/chapter_{number}.go", 7_400, 0, change_type="ADDED")
            for number in range(3)
        ]
        return self._merged("Tariff tables of the new year", files, author="zoya-melnyk", repository=SERVICE)

    def renames_only(self) -> Story:
        """Files that only move."""
        moved = [("cargo", "manifests"), ("voyages", "portcalls"), ("duties", "customs")]
        files = [
            changed(f"internal/{new}/module.go", 0, 0, change_type="RENAMED", previous_path=f"internal/{old}/module.go")
            for old, new in moved
        ]
        files.append(
            changed("internal/edi/copy.go", 12, 0, change_type="COPIED", previous_path="internal/edi/segments.go")
        )
        return self._merged("Name the packages after what they hold", files, author="dmarsh", repository=SERVICE)

    def binaries_only(self) -> Story:
        """Files without lines."""
        files = [
            binary("web/public/img/berth-map.png"),
            binary("web/public/fonts/harbour.woff2", "ADDED"),
            binary("docs/old.pdf", "DELETED"),
        ]
        return self._merged("Sharper map and a font of our own", files, author="lucia-ferrante")

    def deleted_tests(self) -> Story:
        """Tests that go, with the code they tested still there."""
        files = [
            changed("tests/gate/test_offline_kiosk.py", 0, 210, change_type="DELETED"),
            changed("app/gate/offline_kiosk.py", 30, 12),
        ]
        return self._merged("Kiosk without the old queue", files, author="marek-w")

    def leaked_key(self) -> Story:
        """A private key among the added lines."""
        files = [changed("deploy/charts/secrets.yaml", 14, 0, change_type="ADDED", added=LEAKED_KEY)]
        return self._merged("Key for the test terminal", files, author="ravi-menon")

    def removed_authorisation(self) -> Story:
        """A check of a permission that is taken away."""
        files = [
            changed("app/auth/permissions.py", 2, 6, removed=REMOVED_GUARD),
            changed("app/api/routes/gate.py", 4, 9, removed=REMOVED_GUARD),
        ]
        return self._merged("Let the kiosk open the gate", files, author="marek-w")

    def narrowed_schema(self) -> Story:
        """A migration that cannot be taken back."""
        files = [
            changed("db/migrations/0099_narrow_bookings.sql", 6, 0, change_type="ADDED", added=DESTRUCTIVE),
            changed("api/openapi.yaml", 20, 35),
        ]
        return self._merged("chore(api): drop the agent's note", files, author="yusuf-celik", repository=SERVICE)

    def misleading_paths(self) -> Story:
        """Paths that look like tests, configuration or documents and are none."""
        names = ("latest", "inspect", "confirm", "contest", "authors_note", "docker_yard", "configure_slots")
        files = [changed(f"app/yard/{name}.py", 20, 10) for name in names]
        files += [
            changed("app/environment/noise.py", 12, 2),
            changed("web/src/ci_board.tsx", 9, 1),
            changed("AUTHORS.md", 3, 0),
        ]
        return self._merged("Noise limits of the night", files, author="bea-okafor")

    def by_the_leaver(self) -> Story:
        """Opened, reviewed and merged by accounts that are gone."""
        story, moment = self._open(
            "Cranes know the wind", [changed("app/yard/crane_moves.py", 70, 15)], author=LEAVER.login
        )
        leaver = self._account(LEAVER.login)
        story.do(moment + timedelta(hours=1), "comment", leaver, "I will merge this myself.")
        story.do(moment + timedelta(hours=4), "review", self._account("marek-w"), "APPROVED")
        story.do(moment + timedelta(hours=5), "merge", leaver)
        return story

    def from_a_deleted_fork(self) -> Story:
        """The fork it came from is gone."""
        files = [changed("internal/edi/character_sets.go", 33, 4)]
        return self._merged(
            "Fix umlauts in the sender's name",
            files,
            author=OUTSIDER.login,
            repository=SERVICE,
            is_from_deleted_fork=True,
            association="FIRST_TIME_CONTRIBUTOR",
        )

    def by_an_import(self) -> Story:
        """Carried over from another system, its author a mannequin."""
        story, moment = self._open(
            "Old import job",
            [changed("internal/queue/import.go", 200, 0, change_type="ADDED")],
            author=IMPORTED,
            repository=SERVICE,
        )
        story.do(moment + timedelta(days=2), "merge", self._account("dmarsh"))
        return story

    def dismissed_and_pending(self) -> Story:
        """Reviews that count for less than they seem."""
        story, moment = self._open(
            "Later closing time of the gate", [changed("app/gate/appointments.py", 9, 9)], author="marek-w"
        )

        def act(pull_request: PullRequest, at: str) -> None:
            mutations = self.cast.mutations
            mutations.dismiss(
                mutations.review(pull_request, self._account("dmarsh"), "CHANGES_REQUESTED", "No.", at=at), at=at
            )
            mutations.review(pull_request, self._account("ines-calder"), "PENDING", "Not sent yet", at=at)

        self._then(story, moment + timedelta(hours=2), act)
        return story

    def odd_threads(self) -> Story:
        """Threads on a whole file, on removed lines, on lines that are gone."""
        story, moment = self._open("Shorter leases", [changed("app/berths/locking/lease.py", 20, 40)])

        def act(pull_request: PullRequest, at: str) -> None:
            mutations = self.cast.mutations
            review = mutations.review(pull_request, self._account(LEAVER.login), "COMMENTED", at=at)
            mutations.start_thread(review, "app/berths/locking/lease.py", None, "Should this file exist?", at=at)
            removed = mutations.start_thread(review, "app/berths/locking/lease.py", 7, "Why remove this?", at=at)
            removed.diff_side = "LEFT"
            outdated = mutations.start_thread(review, "app/berths/locking/lease.py", 30, "Off by one?", at=at)
            outdated.line, outdated.start_line, outdated.is_outdated = None, 28, True
            mutations.resolve(outdated, self._account(LEAVER.login))

        self._then(story, moment + timedelta(hours=2), act)
        story.do(moment + timedelta(days=1), "merge", self._account("ines-calder"))
        return story

    def unknown_committer(self) -> Story:
        """Commits whose addresses belong to no account."""
        story, moment = self._open("Measure the quay again", [changed("app/berths/models.py", 12, 12)])

        def act(pull_request: PullRequest, at: str) -> None:
            row = self.cast.mutations.push(pull_request, "Measured by the harbour master", None, at=at)
            row.commit.author = GitActor(name="Havnefoged Åse", email="aase@harbour.example.org", date=at, account=None)

        self._then(story, moment + timedelta(hours=1), act)
        story.do(moment + timedelta(hours=9), "merge", self._account("ines-calder"))
        return story

    def bot_feature(self) -> Story:
        """A feature by title, and still a bot's."""
        story, moment = self._open(
            "feat: add automatic updates",
            [changed(".github/dependabot.yml", 12, 0, change_type="ADDED")],
            author=DEPENDENCY_BOT,
        )
        story.do(moment + timedelta(days=1), "merge", self._account("dmarsh"))
        return story

    def stays_open(self) -> Story:
        """Open for most of the year, locked, with requests that nobody answers."""
        story, moment = self._open(
            "Twelve-hour plan on one page",
            [changed("web/src/berths/allocation_board.tsx", 240, 60)],
            author="bea-okafor",
            is_draft=True,
        )
        story.do(moment + timedelta(hours=1), "request_review", self._account("dmarsh"))
        story.do(moment + timedelta(hours=1), "request_review", self.cast.team)
        story.do(moment + timedelta(days=30), "edit", locked=True)
        return story


def finish(repository: Repository) -> None:
    """Gives the repository's open pull requests a milestone, as planning does at the end of a year."""
    if not repository.milestones:
        return
    for pull_request in repository.pull_requests.values():
        if pull_request.state == "OPEN" and pull_request.number % 2:
            pull_request.milestone = repository.milestones[-1]
