"""The sample organisation is the same each time, and holds what it promises."""

import hashlib
from datetime import date, timedelta

import pytest

from tests.github_api import Organisation, sample
from tests.github_api.model import File, GitActor, PullRequest


@pytest.fixture(scope="module")
def organisation() -> Organisation:
    return sample.build()


@pytest.fixture(scope="module")
def pull_requests(organisation: Organisation) -> list[PullRequest]:
    return all_of(organisation)


def all_of(organisation: Organisation) -> list[PullRequest]:
    return [row for repository in organisation.repositories() for row in repository.pull_requests.values()]


def digest(organisation: Organisation) -> str:
    """Returns a hash of everything in the organisation."""
    texts = []
    for node in organisation.nodes.values():
        for name in (field for kind in type(node).__mro__ for field in getattr(kind, "__slots__", ())):
            value = getattr(node, name)
            if isinstance(value, str | int | bool | None):
                texts.append(f"{node.id}.{name}={value!r}")
            elif isinstance(value, list) and value and isinstance(value[0], File):
                texts.append(f"{node.id}.{name}={[(row.path, row.additions, row.patch) for row in value]!r}")
            elif isinstance(value, GitActor):
                texts.append(f"{node.id}.{name}={value.name}/{value.email}/{value.date}")
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def test_same_arguments_make_the_same_organisation(organisation: Organisation) -> None:
    assert digest(organisation) == digest(sample.build())
    assert digest(organisation) != digest(sample.build(seed=8))


def test_year_ends_on_the_day_before(organisation: Organisation) -> None:
    until = date(2024, 3, 1)
    moved = all_of(sample.build(until))
    newest = max(row.updated_at for row in moved)
    assert newest[:10] == "2024-02-29"
    assert min(row.created_at for row in moved) >= f"{until - timedelta(days=366)}"


def test_two_repositories_and_about_four_hundred_pull_requests(
    organisation: Organisation, pull_requests: list[PullRequest]
) -> None:
    assert [row.name for row in organisation.repositories(organisation.account)] == ["quayside", "manifest-service"]
    assert 380 <= len(pull_requests) <= 420


def test_history_is_possible(pull_requests: list[PullRequest]) -> None:
    for row in pull_requests:
        moments = [row.created_at, row.closed_at or row.updated_at, row.updated_at]
        assert moments == sorted(moments)
        assert (row.state == "MERGED") == (row.merged_at is not None)
        assert all(event.created_at >= row.created_at for event in row.events)
        assert len({file.path for file in row.files}) == len(row.files)


def test_patches_have_as_many_lines_as_their_files_say(pull_requests: list[PullRequest]) -> None:
    for file in (file for row in pull_requests for file in row.files if file.patch):
        lines = (file.patch or "").split("\n")[1:]
        assert sum(line.startswith("+") for line in lines) == file.additions
        assert sum(line.startswith("-") for line in lines) == file.deletions


@pytest.mark.parametrize(
    ("what", "at_least"),
    [
        pytest.param(lambda row: row.author.kind == "Bot", 20, id="of bots"),
        pytest.param(lambda row: row.author.kind == "Mannequin", 1, id="of mannequins"),
        pytest.param(lambda row: row.author.is_deleted, 5, id="of deleted accounts"),
        pytest.param(lambda row: row.is_draft, 3, id="that are drafts"),
        pytest.param(lambda row: kinds(row)[:1] == ["ReadyForReviewEvent"], 10, id="opened as drafts"),
        pytest.param(lambda row: "ConvertToDraftEvent" in kinds(row), 3, id="made drafts again"),
        pytest.param(lambda row: "ReopenedEvent" in kinds(row), 3, id="reopened"),
        pytest.param(lambda row: "HeadRefForcePushedEvent" in kinds(row), 5, id="force-pushed"),
        pytest.param(lambda row: "RenamedTitleEvent" in kinds(row), 5, id="retitled"),
        pytest.param(lambda row: row.state == "CLOSED", 10, id="abandoned"),
        pytest.param(lambda row: row.state == "OPEN", 10, id="open"),
        pytest.param(lambda row: not row.body.strip(), 10, id="without a body"),
        pytest.param(lambda row: len(row.body) == 65_536, 1, id="with the longest body"),
        pytest.param(lambda row: "\r\n" in row.body, 10, id="with Windows line ends"),
        pytest.param(lambda row: not row.title.isascii(), 4, id="with titles beyond ASCII"),
        pytest.param(lambda row: len(row.files) > 100, 1, id="with files beyond a page"),
        pytest.param(lambda row: len(row.commits) > 100, 1, id="with commits beyond a page"),
        pytest.param(lambda row: len(row.reviews) > 100, 1, id="with reviews beyond a page"),
        pytest.param(lambda row: len(row.comments) > 100, 1, id="with comments beyond a page"),
        pytest.param(lambda row: any(len(it.comments) > 100 for it in row.review_threads), 1, id="with long threads"),
        pytest.param(lambda row: not row.files, 1, id="without files"),
        pytest.param(lambda row: any(file.previous_path for file in row.files), 10, id="with renames"),
        pytest.param(lambda row: row.head_repository is None, 1, id="from deleted forks"),
        pytest.param(lambda row: row.title.startswith("Revert"), 5, id="that revert"),
        pytest.param(lambda row: row.milestone, 5, id="with a milestone"),
        pytest.param(lambda row: row.closing_issues, 50, id="that close issues"),
    ],
)
def test_sample_has_pull_requests(pull_requests: list[PullRequest], what, at_least: int) -> None:  # type: ignore[no-untyped-def]
    assert sum(bool(what(row)) for row in pull_requests) >= at_least


def kinds(row: PullRequest) -> list[str]:
    drafts = ("ReadyForReviewEvent", "ConvertToDraftEvent")
    return sorted((event.kind for event in row.events), key=lambda kind: kind not in drafts)
