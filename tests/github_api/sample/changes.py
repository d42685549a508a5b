"""The files of a pull request: paths that fit its area and kind, sizes, and patch text."""

import random
from collections.abc import Iterable
from itertools import cycle, islice
from pathlib import PurePosixPath

from tests.github_api.model import File

from .vocabulary import GUIDES, IMAGES, PIPELINES, Area, Thing

CODE = {
    ".py": (
        "{name} = load_{name}(session)",
        "if {name} is None:",
        "    return []",
        "for row in {name}.rows():",
        "    yield row",
    ),
    ".go": ("{name}, err := load(ctx, id)", "if err != nil {{", "\treturn nil, err", "}}", "defer {name}.Close()"),
    ".tsx": (
        "const {name} = use{name}(props.id);",
        "if (!{name}) return null;",
        "<Row key={{{name}.id}} />",
        "export {{ {name} }};",
    ),
    ".sql": (
        "create index {name}_idx on {name} (id);",
        "alter table {name} add column note text;",
        "update {name} set note = '';",
    ),
    ".md": ("## {name}", "The {name} page shows what happens next.", "- open the {name} page", "", "See the runbook."),
    ".yaml": ("  {name}:", "    type: object", "    description: {name}", "    required: [id]"),
    ".yml": ("  - name: {name}", "    run: make {name}", "    timeout-minutes: 10"),
    ".proto": ("message {name} {{", "  string id = 1;", "  repeated {name} rows = 2;", "}}"),
}
PLAIN = ("{name} = 1", "# {name}", "{name}: enabled", "set {name} on")
REMOVED_GUARD = ("    if not user.may('bookings.write'):", "        raise PermissionDenied('bookings.write')")
REMOVED_LOGGING = ("    logger.warning('slot %s is blocked', slot.id)",)
DESTRUCTIVE = (
    "alter table bookings drop column agent_note;",
    "alter table bookings alter column berth_id set not null;",
)
# put together here so that no secret scanner takes the sample for a leak
LEAKED_KEY = (" ".join(("-----BEGIN", "RSA", "PRIVATE", "KEY-----")), "bm90LWEta2V5LWp1c3QtYS1zYW1wbGU=")


def _lines(path: str, count: int, name: str, offset: int) -> Iterable[str]:
    pool = [line.format(name=name) for line in CODE.get(PurePosixPath(path).suffix, PLAIN)]
    first = offset % len(pool)
    return islice(cycle((*pool[first:], *pool[:first])), count)


def changed(
    path: str,
    additions: int,
    deletions: int,
    *,
    change_type: str = "MODIFIED",
    previous_path: str | None = None,
    added: tuple[str, ...] = (),
    removed: tuple[str, ...] = (),
) -> File:
    """Returns a changed text file whose patch has just these numbers of lines.

    Args:
        path: its path after the change.
        additions: lines added, `added` among them.
        deletions: lines removed, `removed` among them.
        change_type: GitHub's PatchStatus.
        previous_path: its path before a rename or copy.
        added: lines that the patch adds, whatever else it adds.
        removed: lines that the patch removes.
    """
    additions, deletions = max(additions, len(added)), max(deletions, len(removed))
    name = PurePosixPath(path).stem.split(".")[0].replace("-", "_")
    offset = len(path)
    body = [
        *(f"-{line}" for line in (*removed, *_lines(path, deletions - len(removed), name, offset))),
        *(f"+{line}" for line in (*added, *_lines(path, additions - len(added), name, offset + 1))),
    ]
    start = 1 if change_type in ("ADDED", "DELETED") else 12
    patch = "\n".join([f"@@ -{start},{deletions} +{start},{additions} @@", *body]) if body else None
    return File(
        path=path,
        change_type=change_type,
        additions=additions,
        deletions=deletions,
        previous_path=previous_path,
        patch=patch,
    )


def binary(path: str, change_type: str = "MODIFIED") -> File:
    """Returns a binary file: no lines, no patch."""
    return File(path=path, change_type=change_type, additions=0, deletions=0)


def _size(rng: random.Random, middle: float) -> int:
    return max(1, min(900, round(rng.lognormvariate(0, 0.9) * middle)))


def _edit(rng: random.Random, path: str, middle: float, new: float = 0.0) -> File:
    if rng.random() < new:
        return changed(path, _size(rng, middle * 2), 0, change_type="ADDED")
    removed = REMOVED_LOGGING if rng.random() < 0.04 else ()
    return changed(path, _size(rng, middle), _size(rng, middle / 2), removed=removed)


def files_of(rng: random.Random, area: Area, thing: Thing, kind: str) -> list[File]:
    """Returns the files of a pull request of this kind."""
    makers = {
        "docs": _documentation,
        "test": _tests_only,
        "ci": _pipelines,
        "chore": _pipelines,
        "migration": _migration,
        "refactor": _refactoring,
    }
    files = makers.get(kind, _code)(rng, area, thing, kind)
    # one path, one file, as in git
    return list({file.path: file for file in files}.values())


def _code(rng: random.Random, area: Area, thing: Thing, kind: str) -> list[File]:
    is_feature = kind == "feature"
    sources = rng.choices(
        area.source, weights=[6, 3, 2][: len(area.source)], k=rng.choice((1, 2, 2, 3, 4) if is_feature else (1, 1, 2))
    )
    files = [
        _edit(rng, path.format(stem=thing.stem), 55 if is_feature else 12, new=0.25 if is_feature else 0)
        for path in sources
    ]
    if rng.random() < 0.65:
        files += [_edit(rng, path.format(stem=thing.stem), 30, new=0.3) for path in area.tests[:1]]
    if area.sensitive and rng.random() < (0.3 if is_feature else 0.2):
        removed = REMOVED_GUARD if rng.random() < 0.15 else ()
        path = rng.choice(area.sensitive)
        files.append(changed(path, _size(rng, 20), _size(rng, 8), removed=removed))
    if is_feature and rng.random() < 0.15:
        files.append(_edit(rng, rng.choice(GUIDES), 15))
    if is_feature and rng.random() < 0.08:
        files.append(binary(rng.choice(IMAGES), rng.choice(("ADDED", "MODIFIED"))))
    return files


def _documentation(rng: random.Random, area: Area, thing: Thing, kind: str) -> list[File]:
    return [_edit(rng, path, 18) for path in rng.sample(GUIDES, rng.choice((1, 1, 2)))]


def _tests_only(rng: random.Random, area: Area, thing: Thing, kind: str) -> list[File]:
    return [_edit(rng, path.format(stem=other.stem), 40) for other in area.things[:2] for path in area.tests]


def _pipelines(rng: random.Random, area: Area, thing: Thing, kind: str) -> list[File]:
    return [_edit(rng, path, 10) for path in rng.sample(PIPELINES, rng.choice((1, 1, 2)))]


def _migration(rng: random.Random, area: Area, thing: Thing, kind: str) -> list[File]:
    number = rng.randrange(40, 99)
    added = (rng.choice(DESTRUCTIVE),) if rng.random() < 0.3 else ()
    path = f"db/migrations/{number:04}_{thing.stem}.sql"
    return [
        changed(path, _size(rng, 14), 0, change_type="ADDED", added=added),
        _edit(rng, area.source[0].format(stem=thing.stem), 20),
    ]


def _refactoring(rng: random.Random, area: Area, thing: Thing, kind: str) -> list[File]:
    files = [_edit(rng, path.format(stem=other.stem), 25) for other in area.things for path in area.source[:2]]
    old = area.source[0].format(stem=thing.stem)
    new = PurePosixPath(old)
    if rng.random() < 0.5:
        path = str(new.with_name(f"{new.stem}_rules{new.suffix}"))
        files.append(changed(path, 0, 0, change_type="RENAMED", previous_path=old))
    if rng.random() < 0.2:
        files.append(changed(area.tests[0].format(stem=f"{thing.stem}_old"), 0, _size(rng, 40), change_type="DELETED"))
    return files
