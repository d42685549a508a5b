"""Titles and bodies, in the manner of whoever writes them."""

import random

from .people import Person
from .vocabulary import FEATURE_VERBS, Area, Thing

CONVENTIONAL = {
    "feature": "feat",
    "fix": "fix",
    "refactor": "refactor",
    "docs": "docs",
    "test": "test",
    "ci": "ci",
    "chore": "chore",
    "perf": "perf",
    "migration": "chore",
}
WORDINGS = {
    "fix": (
        "Fix {name}",
        "Fix wrong {name} after a restart",
        "{name}: handle missing values",
        "Repair {name} on clock change",
    ),
    "refactor": ("Split {name} into smaller parts", "Simplify {name}", "Move {name} out of the views", "Tidy {name}"),
    "docs": ("Document {name}", "Guide to {name}", "Explain {name} in the runbook"),
    "test": ("More tests of {name}", "Test {name} with real data", "Cover {name} at low water"),
    "ci": (
        "Run the checks of {name} in parallel",
        "Cache packages in the pipeline of {name}",
        "Pin the images of {name}",
    ),
    "chore": ("Clean up after {name}", "Rotate logs of {name}", "Configuration of {name} for the second terminal"),
    "perf": ("Make {name} twice as fast", "Faster {name}", "{name} without the full scan"),
    "migration": ("Schema for {name}", "Columns of {name} in the new layout", "Move {name} to its own table"),
}
CHECKLIST = "## Checklist\n- [x] Tests\n- [ ] Documentation\n- [x] I tried it on the test terminal"
TEMPLATE = "<!-- Thank you! Say what changes and why. Delete what does not apply. -->\n"
BADGE = "[![checks](https://img.example.org/checks.svg)](https://ci.example.org/quayside)\n\n"


def title_of(rng: random.Random, person: Person, area: Area, thing: Thing, kind: str) -> str:
    """Returns a title in the person's style."""
    if kind == "feature":
        plain = f"{rng.choice(FEATURE_VERBS)} {thing.name}" if rng.random() < 0.8 else thing.name.capitalize()
    else:
        plain = rng.choice(WORDINGS[kind]).format(name=thing.name)
        plain = plain[0].upper() + plain[1:]
    if not person.is_conventional:
        return plain
    breaking = "!" if rng.random() < 0.04 else ""
    scope = f"({area.name})" if rng.random() < 0.7 else ""
    # "fix: fix the gate" says it twice
    plain = plain.removeprefix("Fix ") if kind == "fix" else plain
    return f"{CONVENTIONAL[kind]}{scope}{breaking}: {plain[0].lower()}{plain[1:]}"


def body_of(rng: random.Random, person: Person, area: Area, thing: Thing, kind: str) -> str:
    """Returns a body as long as the person likes to write."""
    if person.words == 0:
        return "" if rng.random() < 0.6 else thing.change
    if kind == "feature":
        prose = [thing.need, thing.change]
    else:
        reasons = {
            "fix": f"This went wrong on the night shift. {thing.need}",
            "perf": f"The page took four seconds on a busy day. {thing.change}",
            "migration": f"The old table cannot hold it. {thing.change} The migration takes about two minutes.",
            "docs": f"New colleagues ask about it every month. {thing.change}",
        }
        prose = [
            reasons.get(kind, f"No change in behaviour. This is about {thing.name}: the parts had grown together.")
        ]
    if person.words > 1:
        prose.append(f"Part of the work on {area.name}. Tried with the data of the busiest week of the year.")
    text = "\n\n".join(prose)
    if person.words > 2:
        text = f"{TEMPLATE}## What\n\n{text}\n\n## How to test\n\n1. Open the page\n2. Change something\n\n{CHECKLIST}"
    if rng.random() < 0.05:
        text = BADGE + text
    if rng.random() < 0.06:
        text += "\n\n> quoted from the call with the terminal\n\n![screen](https://img.example.org/screen.png)"
    # some people write on Windows
    return text.replace("\n", "\r\n") if rng.random() < 0.1 else text
