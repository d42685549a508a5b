"""Working time: nobody answers at three in the night, few at the weekend."""

import random
from datetime import UTC, datetime, time, timedelta

from .people import Person

HOURS_A_DAY = 9


def at_work(rng: random.Random, person: Person, moment: datetime) -> datetime:
    """Returns the moment, or the person's next working time if it falls outside of it."""
    works_late, works_weekends = rng.random() < 0.04, rng.random() < 0.05
    jitter = timedelta(minutes=rng.randrange(1, 100), seconds=rng.randrange(60))
    local = moment + timedelta(hours=person.utc_offset)
    if not works_late:
        start = datetime.combine(local.date(), time(person.starts_at), UTC)
        if local < start:
            local = start + jitter
        elif local >= start + timedelta(hours=HOURS_A_DAY):
            local = start + timedelta(days=1) + jitter
    while local.weekday() >= 5 and not works_weekends:
        local += timedelta(days=1)
    return local - timedelta(hours=person.utc_offset)


def later(rng: random.Random, person: Person, moment: datetime, hours: float) -> datetime:
    """Returns when the person acts who takes about so many hours to do so."""
    return at_work(rng, person, moment + timedelta(hours=hours * rng.lognormvariate(0, 0.8)))
