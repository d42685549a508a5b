"""What happens to a pull request, as a script of dated steps that are played back in the order of time."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.github_api.model import Account, File, PullRequest, Repository, Team, timestamp
from tests.github_api.mutations import Mutations

from . import vocabulary as words
from .changes import changed, files_of
from .clock import at_work, later
from .people import CHECK_BOT, DEPENDENCY_BOT, EVERYONE, OUTSIDER, PEOPLE, Person
from .text import body_of, title_of

KINDS = {
    "feature": 34,
    "fix": 24,
    "refactor": 10,
    "docs": 6,
    "test": 5,
    "chore": 4,
    "ci": 4,
    "perf": 5,
    "migration": 5,
}
Step = Callable[["Story", str], Any]


@dataclass
class Cast:
    """The accounts and repositories that stories are about.

    Attributes:
        mutations: what carries the steps out.
        accounts: accounts by login.
        repositories: repositories by name.
        fork: the outsider's fork.
        team: the team that can be asked for reviews.
    """

    mutations: Mutations
    accounts: dict[str, Account]
    repositories: dict[str, Repository]
    fork: Repository
    team: Team


@dataclass
class Story:
    """One pull request's script.

    Attributes:
        cast: who and where.
        steps: what happens, each with its moment.
        pull_request: the pull request, once the first step has opened it.
    """

    cast: Cast
    steps: list[tuple[datetime, Step]] = field(default_factory=list)
    opened: PullRequest | None = None

    @property
    def pull_request(self) -> PullRequest:
        """The pull request, which the first step has opened."""
        assert self.opened is not None
        return self.opened

    def then(self, moment: datetime, step: Step) -> None:
        """Adds a step."""
        self.steps.append((moment, step))

    def open(self, moment: datetime, repository: str, **values: Any) -> None:
        """Adds the first step."""

        def step(story: Story, at: str) -> None:
            story.opened = self.cast.mutations.open(self.cast.repositories[repository], at=at, **values)

        self.then(moment, step)

    def do(self, moment: datetime, name: str, *args: Any, **kwargs: Any) -> None:
        """Adds a change of the pull request, by the name of the mutation."""
        self.then(
            moment, lambda story, at: getattr(self.cast.mutations, name)(story.pull_request, *args, at=at, **kwargs)
        )


def play(stories: list[Story], until: datetime) -> None:
    """Carries out the steps of all stories before `until`, in the order of time."""
    steps = [(moment, index, story, step) for story in stories for index, (moment, step) in enumerate(story.steps)]
    steps.sort(key=lambda entry: entry[0])
    for moment, _, story, step in steps:
        if moment < until:
            step(story, timestamp(moment))


def write(rng: random.Random, cast: Cast, begins: datetime, left: datetime) -> Story:
    """Returns the story of one ordinary pull request.

    Args:
        rng: decides everything.
        cast: the accounts and repositories.
        begins: about when it is opened.
        left: when the leaver left: nothing of theirs comes later.
    """
    staff = EVERYONE if begins < left - timedelta(days=20) else (*PEOPLE, OUTSIDER)
    person = rng.choices(staff, weights=[someone.share for someone in staff])[0]
    chosen = rng.choice(person.areas) if rng.random() < 0.8 else rng.choice(words.AREAS).name
    area = next(area for area in words.AREAS if area.name == chosen)
    thing = rng.choice(area.things)
    kind = rng.choices(list(KINDS), weights=list(KINDS.values()))[0]
    return _Writer(rng, cast, person, area, thing, kind, at_work(rng, person, begins)).story()


class _Writer:
    """Writes the script of one pull request."""

    def __init__(
        self,
        rng: random.Random,
        cast: Cast,
        person: Person,
        area: words.Area,
        thing: words.Thing,
        kind: str,
        now: datetime,
    ) -> None:
        self.rng, self.cast, self.person, self.area, self.thing, self.kind, self.now = (
            rng,
            cast,
            person,
            area,
            thing,
            kind,
            now,
        )
        self.author = cast.accounts[person.login]
        self.files = files_of(rng, area, thing, kind)
        self._story = Story(cast)

    def story(self) -> Story:
        """Returns the whole script."""
        rng = self.rng
        is_draft = rng.random() < self.person.drafts
        self._open(is_draft)
        self._label()
        if is_draft:
            self._finish_draft()
        self._ask_for_reviews()
        if rng.random() < 0.25:
            self._comment(self.author, self.person)
        fate = rng.random()
        if fate < 0.05:
            self._abandon()
            return self._story
        self._review_rounds()
        if rng.random() < 0.03:
            self._close_and_reopen()
        if rng.random() < 0.04:
            self._story.do(self.now, "edit", title=f"{self._title} (part 1)")
        if fate > 0.12:
            self._merge()
        elif fate > 0.09:
            self._pass_time(self.person, 60)
            self._story.do(self.now, "close", self.author)
        # what is left stays open
        return self._story

    def _pass_time(self, person: Person, hours: float) -> None:
        self.now = later(self.rng, person, self.now, hours)

    def _open(self, is_draft: bool) -> None:
        rng, is_outsider = self.rng, self.person is OUTSIDER
        self._title = title_of(rng, self.person, self.area, self.thing, self.kind)
        self._story.open(
            self.now,
            self.area.repository,
            title=self._title,
            body=body_of(rng, self.person, self.area, self.thing, self.kind),
            author=self.author,
            files=self.files,
            is_draft=is_draft,
            head_repository=self.cast.fork if is_outsider else None,
            association="CONTRIBUTOR" if is_outsider else "MEMBER",
            head_ref_name=f"{self.kind}/{self.thing.stem.replace('_', '-')}-{rng.randrange(100, 999)}",
        )
        for index in range(min(8, round(rng.lognormvariate(0.3, 0.8)))):
            self._push(minutes=12 * (index + 1))
        if rng.random() < 0.5:
            self._close_issue()
        if rng.random() < 0.3:
            self._story.do(self.now, "assign", self.author)

    def _close_issue(self) -> None:
        title, name, author = self.thing.need, self.area.repository, self.author
        self._story.then(
            self.now,
            lambda story, at: self.cast.mutations.link_issue(
                story.pull_request, self.cast.repositories[name], title, author, at=at
            ),
        )

    def _push(self, minutes: int = 0) -> None:
        message = self.rng.choice(words.COMMIT_FOLLOW_UPS)
        parents = ("0" * 40, "1" * 40) if message.startswith("Merge") else ()
        moment = self.now + timedelta(minutes=minutes)
        if self.rng.random() < 0.04:
            message += "\n\nThe second half of this took longer than the first.\n\nRefs: harbour board 12"
        self._story.do(moment, "push", message, self.author, parents=parents)
        self.now = max(self.now, moment)

    def _label(self) -> None:
        rng = self.rng
        names = words.FEATURE_LABELS if self.kind == "feature" else words.KIND_LABELS[self.kind]
        labels = [rng.choice(names)] if rng.random() < 0.5 else []
        if rng.random() < 0.3:
            labels.append(f"area/{self.area.name}")
        if rng.random() < 0.04:
            labels.append("security-fix" if self.area.name == "auth" else "Urgent ⚓")
        for name in labels:
            self._story.do(self.now + timedelta(minutes=1), "add_label", name)

    def _finish_draft(self) -> None:
        if self.rng.random() < 0.12:
            # still a draft: its author does something else now
            self.now += timedelta(days=400)
        self._pass_time(self.person, 30)
        self._push()
        self._story.do(self.now, "mark_ready")
        if self.rng.random() < 0.15:
            self._pass_time(self.person, 20)
            self._story.do(self.now, "convert_to_draft")
            self._pass_time(self.person, 30)
            self._story.do(self.now, "mark_ready")

    def _colleagues(self) -> list[Person]:
        """Returns who could review, those who know the area more often."""
        others = [someone for someone in PEOPLE if someone is not self.person]
        weights = [5 if self.area.name in someone.areas else 1 for someone in others]
        first = self.rng.choices(others, weights=weights)[0]
        second = self.rng.choices(others, weights=weights)[0]
        return [first] if first is second else [first, second]

    def _ask_for_reviews(self) -> None:
        self._reviewers = self._colleagues()
        if self.rng.random() < 0.6:
            self._story.do(self.now, "request_review", self.cast.accounts[self._reviewers[0].login])
        if self.rng.random() < 0.15:
            self._story.do(self.now, "request_review", self.cast.team, as_code_owner=True)

    def _comment(self, author: Account, person: Person) -> None:
        self._pass_time(person, 2)
        self._story.do(self.now, "comment", author, self.rng.choice(words.COMMENTS))

    def _review_rounds(self) -> None:
        rng = self.rng
        if rng.random() < 0.12:
            # merged without anybody looking
            return
        if rng.random() < 0.7:
            checks = self.cast.accounts[CHECK_BOT]
            self._story.do(self.now + timedelta(minutes=6), "comment", checks, words.CHECK_REPORT, association="NONE")
        for reviewer in self._reviewers[: rng.choice((1, 1, 2))]:
            account = self.cast.accounts[reviewer.login]
            for _ in range(3):
                self._pass_time(reviewer, reviewer.review_hours)
                if rng.random() >= reviewer.strictness:
                    break
                self._remark(account, "CHANGES_REQUESTED", rng.choice((1, 2, 3)))
                self._pass_time(self.person, 12)
                self._rework()
            if rng.random() < 0.35:
                self._remark(account, rng.choice(("COMMENTED", "APPROVED")), rng.choice((1, 1, 2)))
            self._story.do(
                self.now + timedelta(minutes=3), "review", account, "APPROVED", rng.choice(words.REVIEW_PRAISE)
            )
            if rng.random() < 0.3:
                self._comment(account, reviewer)

    def _remark(self, reviewer: Account, state: str, count: int) -> None:
        rng, files = self.rng, self.files
        remarks = [(rng.choice(files), rng.randrange(1, 300), rng.choice(words.REVIEW_REMARKS)) for _ in range(count)]
        replies = [rng.choice(words.REPLIES) if rng.random() < 0.6 else None for _ in remarks]
        is_resolved = rng.random() < 0.7

        def step(story: Story, at: str) -> None:
            mutations = self.cast.mutations
            review = mutations.review(story.pull_request, reviewer, state, at=at)
            for (file, line, text), reply in zip(remarks, replies, strict=True):
                thread = mutations.start_thread(review, file.path, line, text, at=at)
                if reply:
                    answer = mutations.review(story.pull_request, self.author, "COMMENTED", at=at)
                    mutations.reply(thread, answer, self.author, reply, at=at)
                    mutations.resolve(thread, self.author, is_resolved)

        self._story.then(self.now, step)

    def _rework(self) -> None:
        if self.rng.random() < 0.2:
            messages = [self._title, "Address review"]
            self._story.do(self.now, "force_push", messages, self.author)
        else:
            self._push()

    def _close_and_reopen(self) -> None:
        self._story.do(self.now + timedelta(minutes=5), "close", self.author)
        self._pass_time(self.person, 40)
        self._story.do(self.now, "reopen", self.author)
        self._pass_time(self.person, 10)

    def _merge(self) -> None:
        merger = self.person if self.rng.random() < 0.6 and self.person is not OUTSIDER else self._reviewers[0]
        self._pass_time(merger, 4)
        self._story.do(self.now + timedelta(minutes=10), "merge", self.cast.accounts[merger.login])

    def _abandon(self) -> None:
        if self.rng.random() < 0.5:
            self.now += timedelta(days=60)
            text = "Closing, nobody has time for this at the moment."
            self._story.do(self.now, "comment", self.author, text)
            self._story.do(self.now, "close", self.author)


def bump(rng: random.Random, cast: Cast, begins: datetime) -> Story:
    """Returns the story of a pull request of the bot that updates packages."""
    story = Story(cast)
    package, major = rng.choice(words.PACKAGES), rng.randrange(1, 30)
    bot, repository = cast.accounts[DEPENDENCY_BOT], rng.choice((words.WEB, words.SERVICE))
    lock = "package-lock.json" if repository == words.WEB else "go.sum"
    manifest = "package.json" if repository == words.WEB else "go.mod"
    files: list[File] = [changed(lock, rng.randrange(3, 60), rng.randrange(3, 60)), changed(manifest, 1, 1)]
    title = f"Bump {package} from {major}.{rng.randrange(9)}.0 to {major + 1}.0.0"
    body = f"Bumps {package}.\n\n<details>\n<summary>Release notes</summary>\n<p>Faster, smaller.</p>\n</details>"
    begins = begins.replace(hour=4, minute=rng.randrange(60))
    story.open(begins, repository, title=title, body=body, author=bot, files=files, association="CONTRIBUTOR")
    story.do(begins, "add_label", "dependencies")
    fate = rng.random()
    person = rng.choice(PEOPLE)
    account, moment = cast.accounts[person.login], later(rng, person, begins, 30)
    if fate < 0.7:
        if rng.random() < 0.4:
            story.do(moment, "review", account, "APPROVED")
        story.do(moment + timedelta(minutes=2), "merge", account)
    elif fate < 0.9:
        story.do(
            begins + timedelta(days=7),
            "comment",
            bot,
            f"Superseded by a newer version of {package}.",
            association="NONE",
        )
        story.do(begins + timedelta(days=7), "close", bot)
    return story


def revert(rng: random.Random, cast: Cast, begins: datetime) -> Story:
    """Returns the story of a change that is taken back in a hurry."""
    story = Story(cast)
    person = rng.choice(PEOPLE)
    area = next(area for area in words.AREAS if area.name in person.areas)
    thing, account = rng.choice(area.things), cast.accounts[person.login]
    begins = at_work(rng, person, begins)
    title = f'Revert "feat({area.name}): {thing.name}"'
    files = [changed(file.path, file.deletions, file.additions) for file in files_of(rng, area, thing, "fix")]
    body = "This reverts commit 4f1c2aa. Trucks were let in without an appointment."
    story.open(begins, area.repository, title=title, body=body, author=account, files=files)
    story.do(begins + timedelta(minutes=9), "merge", account)
    return story
