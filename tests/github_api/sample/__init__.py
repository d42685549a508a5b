"""Harbour Works, a sample organisation: two repositories and a year of pull requests, the same for the same arguments.

The people have habits, the text makes sense, and every case that readers of GitHub stumble over is in it. All of it is
invented.
"""

import random
from datetime import UTC, date, datetime, time, timedelta

from tests.github_api.model import Account, Milestone, Organisation, Repository, Team, timestamp
from tests.github_api.mutations import Mutations

from . import people, stories, vocabulary
from .extremes import Extremes, finish
from .stories import Cast, Story

LOGIN = "harbour-works"
UNTIL = date(2026, 7, 1)
YEAR = timedelta(days=365)
ORDINARY = 370


def build(until: date = UNTIL, *, pull_requests: int = ORDINARY, seed: int = 7) -> Organisation:
    """Returns the sample organisation.

    Args:
        until: the day before which everything happens; the newest activity is on the day before it.
        pull_requests: how many ordinary ones to make, beside the extremes.
        seed: another seed makes another year.
    """
    end = datetime.combine(until, time(), UTC)
    start = end - YEAR
    organisation = Organisation(LOGIN, "Harbour Works", timestamp(start - 3 * YEAR))
    cast = _cast(organisation, start)
    rng = random.Random(seed)
    left = end - timedelta(days=60)
    written: list[Story] = list(Extremes(cast, start).stories())
    for index in range(pull_requests):
        # a little more each month than in the month before, up to the last day
        share = ((index + rng.random()) / pull_requests) ** 0.9
        begins = start + share * (YEAR - timedelta(hours=14)) + timedelta(hours=rng.randrange(8, 12) - 8)
        roll = rng.random()
        if roll < 0.09:
            written.append(stories.bump(rng, cast, begins))
        elif roll < 0.11:
            written.append(stories.revert(rng, cast, begins))
        else:
            written.append(stories.write(rng, cast, begins, left))
    stories.play(written, end)
    cast.mutations.delete_account(cast.accounts[people.LEAVER.login])
    cast.mutations.rename_repository(cast.repositories[vocabulary.SERVICE], vocabulary.SERVICE)
    for repository in cast.repositories.values():
        finish(repository)
    organisation.set_clock(timestamp(end))
    return organisation


def _cast(organisation: Organisation, start: datetime) -> Cast:
    founded = timestamp(start - 2 * YEAR)
    accounts: dict[str, Account] = {}
    for person in people.EVERYONE:
        accounts[person.login] = organisation.create(Account, login=person.login, name=person.name, created_at=founded)
    for login, kind in ((people.DEPENDENCY_BOT, "Bot"), (people.CHECK_BOT, "Bot"), (people.IMPORTED, "Mannequin")):
        accounts[login] = organisation.create(Account, login=login, kind=kind, created_at=founded)
    mutations = Mutations(organisation)
    languages = {
        vocabulary.WEB: ("Python", "Berths, yard and gate of a container terminal"),
        vocabulary.SERVICE: ("Go", "Manifests, customs and carrier messages"),
    }
    repositories: dict[str, Repository] = {}
    for name, (language, description) in languages.items():
        # the service had another name when it began
        born = vocabulary.FORMER_SERVICE_NAME if name == vocabulary.SERVICE else name
        repository = mutations.create_repository(born, primary_language=language, description=description, at=founded)
        repositories[name] = repository
        _furnish(organisation, mutations, repository, start)
    outsider = accounts[people.OUTSIDER.login]
    fork = mutations.create_repository(vocabulary.WEB, owner=outsider, is_fork=True, at=founded)
    team = organisation.create(Team, organization=organisation.account, slug=people.TEAM_SLUG, name=people.TEAM_NAME)
    return Cast(mutations, accounts, repositories, fork, team)


def _furnish(organisation: Organisation, mutations: Mutations, repository: Repository, start: datetime) -> None:
    names = [*vocabulary.FEATURE_LABELS, *(name for names in vocabulary.KIND_LABELS.values() for name in names)]
    for index, name in enumerate(names):
        color = vocabulary.LABEL_COLORS[index % len(vocabulary.LABEL_COLORS)]
        mutations.create_label(repository, name, color, None if index % 3 else f"Pull requests about {name}")
    for number, title in enumerate(("Spring release", "Peak season"), start=1):
        due = None if number == 1 else timestamp(start + YEAR + timedelta(days=30))
        milestone = organisation.create(
            Milestone, repository=repository, number=number, title=title, due_on=due, created_at=timestamp(start)
        )
        repository.milestones.append(milestone)
