"""Rows of the marts → documents: their key, their text and their fields. Pure.

A document's text comes in named parts, because they do not weigh the same: for the vectors a heading (what the author
called the change) counts as much as all the rest, and for the lexical index a word of the title counts three times. On
real questions either beats one blob of text by far.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from embeddings.prose import branch_words, cut_bytes, headlines, plain, prose

# the longest text that is embedded and stored; Milvus counts bytes and takes at most 65,535
TEXT_BYTES = 16_000
PART_BYTES = 8_000
PATHS = 20


@dataclass(frozen=True)
class Document:
    """One entity of a collection before it is embedded.

    Attributes:
        id: `owner/name#number`, or `owner/name#number:path`.
        repo_name: the repository, `owner/name`.
        parts: name of a part → its text, in order; empty parts are left out.
        context: parts in others' words, for the lexical index alone: they change long after a text was embedded.
        views: the texts whose vectors' mean is the document's vector.
        fields: the entity's other fields.
        content_sha256: the hash of the views: it decides whether the document must be embedded again.
        record_sha256: the hash of parts and fields: it decides whether the entity must be written again with its
            vector. Labels and paths are in no view, and often change alone.
    """

    id: str
    repo_name: str
    parts: Mapping[str, str]
    context: Mapping[str, str]
    views: tuple[str, ...]
    fields: Mapping[str, Any]
    content_sha256: str
    record_sha256: str

    @property
    def text(self) -> str:
        """All parts but the context as one text, as it is stored beside the vector."""
        return cut_bytes("\n".join(self.parts.values()), TEXT_BYTES)


def pull_request_document(row: Mapping[str, Any]) -> Document:
    """The document of a pull request.

    Args:
        row: a row of `rows.PULL_REQUESTS`.
    """
    title, body = _line(row["title"]), prose(row["body"])
    branch, commits = branch_words(row["head_ref_name"], row["author"]), headlines(row["commit_messages"] or [])
    paths = (row["file_paths"] or [])[:PATHS]
    labels = [label["name"] for label in row["labels_full"] or []]
    id = f"{row['repo_name']}#{row['pr_number']}"
    return _document(
        id,
        row["repo_name"],
        parts=_parts(
            title=title, branch=branch, body=body, commits=commits, labels=", ".join(labels), paths="\n".join(paths)
        ),
        context=_parts(
            issues="\n".join(_line(title) for title in row["issue_titles"] or []),
            conversation=_conversation(row["conversation"] or []),
        ),
        views=_views([title, branch], [body, commits], fallback=id),
        fields={
            **_shared_fields(row),
            "labels": labels,
            "file_path": paths[0] if paths else "",
            "lines_changed": (row["additions"] or 0) + (row["deletions"] or 0),
        },
    )


def file_change_document(row: Mapping[str, Any]) -> Document:
    """The document of one changed file of a pull request.

    Args:
        row: a row of `rows.FILE_CHANGES`.
    """
    path, title, hunks = _line(row["file_path"]), _line(row["title"]), _hunks(row["patch"])
    id = f"{row['repo_name']}#{row['pr_number']}:{row['file_path']}"
    language = row["language"] or ""
    return _document(
        id,
        row["repo_name"],
        parts=_parts(paths=path, language=language, title=title, patch=hunks),
        views=_views([_path_words(path), title], [language, hunks], fallback=id),
        fields={
            **_shared_fields(row),
            "labels": [label["name"] for label in row["labels_full"] or []],
            "file_path": row["file_path"],
            "lines_changed": row["lines_changed"] or 0,
        },
    )


def _document(
    id: str,
    repo_name: str,
    *,
    parts: dict[str, str],
    views: tuple[str, ...],
    fields: dict[str, Any],
    context: dict[str, str] | None = None,
) -> Document:
    return Document(
        id=id,
        repo_name=repo_name,
        parts=parts,
        context=context or {},
        views=views,
        fields=fields,
        content_sha256=_sha256(views),
        record_sha256=_sha256(f"{name}={value!r}" for name, value in (*parts.items(), *fields.items())),
    )


def _shared_fields(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "pr_number": row["pr_number"],
        "title": row["title"] or "",
        "author": row["author"] or "",
        "created_at": _epoch(row["created_at"]),
        "merged_at": _epoch(row["merged_at"]),
        "is_merged": bool(row["is_merged"]),
        "risk_score": float(row["risk_score"]),
        "high_risk": bool(row["high_risk"]),
        "is_feature": bool(row["is_feature"]),
        "language": row["language"] or "",
    }


def _parts(**parts: str) -> dict[str, str]:
    return {name: cut_bytes(plain(text), PART_BYTES) for name, text in parts.items() if text.strip()}


def _views(heading: Sequence[str], rest: Sequence[str], fallback: str) -> tuple[str, ...]:
    """The heading, and the heading with the rest; only one if there is no rest, and the key if there are no words."""
    texts = (
        cut_bytes(plain("\n".join(part for part in parts if part.strip())), TEXT_BYTES)
        for parts in (heading, [*heading, *rest])
    )
    return tuple(dict.fromkeys(text for text in texts if text.strip())) or (fallback,)


def _line(text: str | None) -> str:
    return " ".join(plain(text or "").split())


def _conversation(comments: Iterable[str]) -> str:
    """The sentences of the comments, as many as a part holds."""
    texts, length = [], 0
    for comment in comments:
        texts.append(prose(comment))
        length += len(texts[-1])
        if length > PART_BYTES:
            break
    return "\n".join(text for text in texts if text)


def _path_words(path: str) -> str:
    return " ".join(path.replace("/", " ").replace("_", " ").replace("-", " ").replace(".", " ").split())


def _hunks(patch: str | None) -> str:
    """The added and removed lines of a patch; context and positions are the file's, not the change's."""
    return "\n".join(
        line[1:].strip() for line in (patch or "").split("\n") if line[:1] in ("+", "-") and line[1:].strip()
    )


def _epoch(moment: datetime | None) -> int:
    return int(moment.timestamp()) if moment else 0


def _sha256(texts: Iterable[str]) -> str:
    # a separator that plain text cannot hold: parts that only differ in where one ends must differ
    return hashlib.sha256("\x1f".join(texts).encode("utf-8", errors="replace")).hexdigest()
