"""Who works at Harbour Works, and how."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """Somebody with habits.

    Attributes:
        login: the account's current name.
        name: the profile's name; None for an empty profile.
        utc_offset: hours that their clock is ahead of UTC.
        starts_at: the local hour they start at; they stop nine hours later.
        areas: what they mostly change.
        share: how many of the pull requests they open, relative to others.
        words: how many paragraphs they write in a body, 0 to 3.
        is_conventional: whether they write `feat(area): …` titles.
        review_hours: how long a review of theirs usually takes.
        drafts: how often they open a draft first, 0 to 1.
        strictness: how often they ask for changes, 0 to 1.
    """

    login: str
    name: str | None
    utc_offset: int
    starts_at: int
    areas: tuple[str, ...]
    share: float
    words: int
    is_conventional: bool
    review_hours: float
    drafts: float
    strictness: float


PEOPLE = (
    Person("ines-calder", "Inês Calder", 0, 9, ("berths", "tides"), 9, 2, True, 3, 0.1, 0.2),
    Person("marek-w", "Marek Wójcik", 1, 8, ("yard", "gate"), 8, 1, False, 20, 0.05, 0.1),
    Person("aoi-kobayashi", "小林 葵", 9, 10, ("search", "dashboard"), 8, 3, True, 6, 0.3, 0.3),
    Person("tunde-afolabi", "Túndé Afọlábí", 1, 9, ("auth", "gate"), 7, 2, True, 4, 0.15, 0.45),
    Person("zoya-melnyk", "Зоя Мельник", 2, 9, ("customs", "manifests"), 8, 2, False, 9, 0.1, 0.25),
    Person("yusuf-celik", "Yusuf Çelik", 3, 8, ("queue", "edi"), 7, 1, True, 30, 0.2, 0.15),
    Person("greta-lindqvist", "Greta Lindqvist", 1, 7, ("invoicing", "customs"), 6, 3, False, 2, 0.05, 0.2),
    Person("dmarsh", None, -5, 9, ("api", "manifests"), 6, 0, False, 14, 0.0, 0.05),
    Person("lucia-ferrante", "Lucía Ferrante", -3, 10, ("dashboard", "notifications"), 5, 1, True, 5, 0.35, 0.1),
    Person("hana-dvorak", "Hana Dvořáková", 1, 9, ("dangerous-goods", "edi"), 4, 2, True, 8, 0.1, 0.35),
    Person("ravi-menon", "Ravi Menon", 5, 11, ("queue", "api"), 4, 1, False, 26, 0.1, 0.1),
    Person("bea-okafor", "Bea Okafor", 0, 10, ("berths", "dashboard"), 2, 3, True, 12, 0.5, 0.0),
)
# left the company, and GitHub, two months before the end: everything they did is nobody's
LEAVER = Person("pieter-vos", "Pieter Vos", 1, 9, ("yard", "tides"), 5, 1, False, 18, 0.1, 0.2)
# somebody from outside, who works from a fork
OUTSIDER = Person("saltmarsh-dev", "Noor", 5, 20, ("search", "edi"), 1.5, 2, False, 40, 0.0, 0.0)
DEPENDENCY_BOT = "cargo-bump"
CHECK_BOT = "harbour-checks"
IMPORTED = "legacy-import"
TEAM_SLUG, TEAM_NAME = "port-core", "Port Core"
EVERYONE = (*PEOPLE, LEAVER, OUTSIDER)
