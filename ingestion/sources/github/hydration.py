"""Pull requests by their ids, whole: scalars, every page of every connection, review threads with their comments.

A chunk of pull requests is read in rounds. *Hydrate* brings what costs the same for all, a batch a request. *Follow*
brings further pages of whatever has more than 100, several connections a request. *Details* brings what multiplies
(threads with comments, parents of commits) in one request for the whole chunk, sized by the counts that Hydrate
brought: asked blindly these two would cost several times all the rest. Few pull requests, whose counts the list already
brought, are read with everything in one round instead, since there a request matters more than a point.

What GitHub finds too heavy is split, down to one pull request, and for that down to one connection a request.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from ingestion.sources.github import documents, tables
from ingestion.sources.github.client import Answer, GitHubClient, QueryTooHeavyError, Spent, is_heavy
from ingestion.sources.github.shaping import Json, PullRequestShaper, Row, Rows, find_misfits
from ingestion.sources.github.tables import Table
from warehouse.errors import PlimsollError

logger = logging.getLogger(__name__)

PAGE = 100
"""The most that GitHub gives of a connection at once."""

BATCH = 25
"""Pull requests a request, at most."""

CHUNK = 96
"""Pull requests that share one request for details."""

FOLLOWED = 10
"""Further pages in one request."""

REREADS = 2
"""Times that a pull request whose rows do not match GitHub's counts is read again."""

UNREAD_ROUNDS = 6
GROW_AFTER = 10
THREAD_SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, PAGE)


@dataclass(frozen=True)
class Entry:
    """A pull request as the list shows it.

    Attributes:
        node_id: its GraphQL id.
        id: its database id.
        updated_at: when it last changed, as GitHub writes it.
        commits: how many commits it has; None if the list was not asked.
        threads: how many review threads it has; None if the list was not asked.
    """

    node_id: str
    id: int
    updated_at: str
    commits: int | None = None
    threads: int | None = None


@dataclass(frozen=True)
class DeadLetter:
    """Something that could not be loaded, set aside.

    Attributes:
        repository: `owner/name`.
        repository_id: its database id.
        pull_request_id: the pull request's database id.
        node_id: its GraphQL id, to try again.
        number: its number; None where even that was not read.
        entity: the raw table it belongs to.
        reason: why it could not be loaded.
        payload: what GitHub gave, as JSON.
    """

    repository: str
    repository_id: int
    pull_request_id: int
    node_id: str
    number: int | None
    entity: str
    reason: str
    payload: str


@dataclass
class Hydrated:
    """What came of hydrating some pull requests.

    Attributes:
        rows: the rows, complete per pull request.
        ids: the pull requests that were read.
        gone: those that GitHub has no more.
        letters: what could not be loaded.
        reread: numbers of those whose rows did not match GitHub's counts at first.
    """

    rows: Rows = field(default_factory=Rows)
    ids: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    letters: list[DeadLetter] = field(default_factory=list)
    reread: list[int] = field(default_factory=list)


class BatchSize:
    """How many pull requests to ask for at once in a repository; thread-safe.

    Halves when GitHub finds a batch too heavy, and grows back by one after several that went through, so that neither a
    heavy stretch fails again and again nor a light one is read in crumbs for ever.

    Args:
        limit: the most.
        start: the size that worked last.
    """

    def __init__(self, limit: int, start: int | None = None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._successes = 0
        self.current = max(1, min(limit, start or limit))

    def too_heavy(self, size: int) -> None:
        """A batch of `size` was too heavy."""
        with self._lock:
            self._successes = 0
            self.current = max(1, min(self.current, size // 2))

    def went_through(self, size: int) -> None:
        """A batch of `size` was answered; one smaller than what is asked for now says nothing."""
        with self._lock:
            if size < self.current:
                return
            self._successes += 1
            if self._successes >= GROW_AFTER and self.current < self._limit:
                self._successes = 0
                self.current += 1


@dataclass(frozen=True)
class Connection:
    """A connection of a pull request, and how to page it.

    Attributes:
        field: its GraphQL name.
        table: the raw table of its rows.
        fragment: what to ask of it.
        arguments: its arguments beside `first` and `after`.
    """

    field: str
    table: Table
    fragment: str
    arguments: str = ""


_EVENT_TYPES = (
    "CONVERT_TO_DRAFT_EVENT, READY_FOR_REVIEW_EVENT, CLOSED_EVENT, REOPENED_EVENT, MERGED_EVENT, "
    "REVIEW_REQUESTED_EVENT, HEAD_REF_FORCE_PUSHED_EVENT, RENAMED_TITLE_EVENT"
)
THREADS = Connection("reviewThreads", tables.REVIEW_THREADS, "Threads")
COMMITS = Connection("commits", tables.COMMITS, "CommitsWithParents")
CONNECTIONS = (
    Connection("files", tables.FILES, "Files"),
    COMMITS,
    Connection("reviews", tables.REVIEWS, "Reviews"),
    Connection("comments", tables.COMMENTS, "Comments"),
    THREADS,
    Connection("labels", tables.LABELS, "Labels"),
    Connection("assignees", tables.ASSIGNEES, "Assignees"),
    Connection("reviewRequests", tables.REVIEW_REQUESTS, "ReviewRequests"),
    Connection("closingIssuesReferences", tables.CLOSING_ISSUES, "ClosingIssues"),
    Connection("timelineItems", tables.EVENTS, "Events", f", itemTypes: [{_EVENT_TYPES}]"),
)


@dataclass
class _Page:
    """A further page to read: of a pull request's connection, or of a thread's comments.

    Attributes:
        holder: the object whose `connection` is continued in place.
        node_id: its GraphQL id.
    """

    holder: dict[str, Any]
    node_id: str
    connection: Connection
    size: int = PAGE

    @property
    def found(self) -> dict[str, Any]:
        found: dict[str, Any] = self.holder[self.connection.field]
        return found

    @property
    def more(self) -> bool:
        return bool(self.found.get("pageInfo", {}).get("hasNextPage"))


_THREAD_COMMENTS = Connection("comments", tables.REVIEW_COMMENTS, "ThreadComments")


class Hydrator:
    """Reads pull requests of one repository.

    Args:
        client: talks to GitHub.
        repository: `owner/name`.
        repository_id: its database id.
        size: pull requests a request; shared by all of the repository's batches.
        spent: is charged with every request.
        keep_emails: whether e-mail addresses of commits are kept in clear.
    """

    def __init__(
        self,
        client: GitHubClient,
        repository: str,
        repository_id: int,
        size: BatchSize,
        spent: Spent,
        *,
        keep_emails: bool = False,
    ) -> None:
        self._client = client
        self._repository = repository
        self._repository_id = repository_id
        self._size = size
        self._spent = spent
        self._keep_emails = keep_emails

    def hydrate(self, entries: Sequence[Entry], *, whole: bool) -> Hydrated:
        """Read pull requests completely.

        Args:
            entries: which.
            whole: read everything in one round; else what multiplies comes in a request of its own.

        Returns:
            Their rows. One that GitHub changes while it is read is read again; one that keeps its counts and its rows
            apart is loaded as it is and set aside as a dead letter, so that the next run tries again.
        """
        result = Hydrated()
        pending = list(entries)
        for attempt in range(REREADS + 1):
            nodes = self._read(pending, whole, result)
            by_id = {entry.node_id: entry for entry in pending}
            pending = []
            for node in nodes:
                entry = by_id[node["id"]]
                shaped = self._shape(node, entry)
                if shaped.mismatch and attempt < REREADS:
                    result.reread.append(node["number"])
                    pending.append(entry)
                    continue
                result.rows.extend(shaped.rows)
                result.ids.add(entry.id)
                result.letters += shaped.letters
                if shaped.mismatch:
                    result.letters.append(self._letter(entry, node, *shaped.mismatch, payload="{}"))
            if not pending:
                break
        return result

    def _read(self, entries: Sequence[Entry], whole: bool, result: Hydrated) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = []
        rest = list(entries)
        while rest:
            width = self._size.current
            if not whole and width % 10 == 5:
                # ten connections each: GitHub rounds 250 to 3 points and 240 to 2
                width -= 1
            batch, rest = rest[:width], rest[width:]
            nodes += self._read_batch(batch, whole, result)
        self._follow([_Page(node, node["id"], c) for node in nodes for c in CONNECTIONS if _has_more(node, c)])
        self._add_details(nodes)
        # an early page of comments may be short although the thread's list was not
        self._follow(
            [
                _Page(thread, thread["id"], _THREAD_COMMENTS)
                for node in nodes
                for thread in node[THREADS.field].get("nodes", ())
                if _has_more(thread, _THREAD_COMMENTS)
            ]
        )
        return nodes

    def _read_batch(self, batch: Sequence[Entry], whole: bool, result: Hydrated) -> list[dict[str, Any]]:
        """The nodes of a batch; split when too heavy, read again when partly unread."""
        variables: dict[str, Any] = {"ids": [entry.node_id for entry in batch]}
        points = max(1, len(batch) // 10)
        if whole:
            variables["commits"] = _size_for(entry.commits for entry in batch)
            variables["threads"] = _size_for(entry.threads for entry in batch)
            points = max(1, len(batch) * (10 + variables["commits"] + variables["threads"]) // 100)
        name = "HydrateWhole" if whole else "Hydrate"

        def read(ids: list[str]) -> Read:
            answer = self._client.graphql(
                documents.operation(name), {**variables, "ids": ids}, points=points, spent=self._spent
            )
            return Read.of(answer, "nodes")

        found = self._in_parts([entry.node_id for entry in batch], read, self._read_in_pieces)
        for entry in batch:
            if found[entry.node_id] is None:
                result.gone.add(entry.id)
        return [node for node in found.values() if node is not None]

    def _read_in_pieces(self, node_id: str) -> dict[str, Any] | None:
        """One pull request too heavy for one request: its scalars and counts, then its connections, each by itself."""
        for attempt in range(UNREAD_ROUNDS):
            try:
                answer = self._client.graphql(
                    documents.operation("HydrateOutline"), {"ids": [node_id]}, points=1, spent=self._spent
                )
                outline = Read.of(answer, "nodes")
                if not outline.unread:
                    break
            except QueryTooHeavyError:
                # there is no less to ask for: it can only be an accident
                logger.debug("GitHub failed over the outline of %s", node_id)
            self._client.pause(attempt + 1, self._spent)
        else:
            raise PlimsollError(
                "GitHub cannot even give a pull request's outline", where=node_id, remedy="Run again later"
            )
        node: dict[str, Any] | None = outline.nodes[0]
        if node is None:
            return None
        for connection in CONNECTIONS:
            found = node[connection.field] = node[connection.field] or {"totalCount": 0}
            total = found.get("totalCount", found.get("filteredCount", 0))
            # a page before the first, which `follow` then continues
            found |= {"nodes": [], "pageInfo": {"hasNextPage": total > 0, "endCursor": None}}
        return node

    def _in_parts(
        self, ids: list[str], read: Callable[[list[str]], "Read"], alone: Callable[[str], Any]
    ) -> dict[str, Any]:
        """Read `ids` in as few requests as GitHub can bear.

        Args:
            ids: node ids.
            read: makes one request.
            alone: reads one that is too heavy even by itself.

        Returns:
            Node id to node; None for those that are gone.

        Raises:
            PlimsollError: GitHub keeps giving errors that are neither about weight nor about what is gone.
        """
        found: dict[str, Any] = {}
        todo = [ids]
        fruitless = 0
        while todo:
            part = todo.pop()
            try:
                answer = read(part)
            except QueryTooHeavyError:
                answer = Read([None] * len(part), set(range(len(part))), is_heavy=True)
            left = []
            for place, node_id in enumerate(part):
                if place in answer.unread:
                    left.append(node_id)
                else:
                    found[node_id] = answer.nodes[place]
            if not left:
                self._size.went_through(len(part))
                fruitless = 0
            elif not answer.is_heavy:
                fruitless += 1
                if fruitless > UNREAD_ROUNDS:
                    raise PlimsollError("GitHub keeps answering with errors in place of data", where=answer.reason)
                self._client.pause(fruitless, self._spent)
                todo.append(left)
            elif len(part) == 1:
                found[part[0]] = alone(part[0])
            else:
                self._size.too_heavy(len(part))
                middle = (len(left) + 1) // 2
                todo += [half for half in (left[middle:], left[:middle]) if half]
        return found

    def _follow(self, pages: list["_Page"]) -> None:
        """Read every further page, appending to what is there, until there is none."""
        width, fruitless = FOLLOWED, 0
        while pages:
            group, rest = pages[:width], pages[width:]
            try:
                unread, reason = self._read_pages(group)
            except QueryTooHeavyError as error:
                unread, reason = group, str(error)
            if len(unread) == len(group):
                fruitless += 1
                if fruitless > UNREAD_ROUNDS + PAGE.bit_length():
                    raise PlimsollError(f"GitHub does not give a further page: {reason}", where=group[0].node_id)
                # fewer connections a request, down to one, and then smaller pages of it
                if width == 1:
                    group[0].size = max(1, group[0].size // 2)
                width = max(1, width // 2)
                self._client.pause(fruitless, self._spent)
            else:
                fruitless = 0
            pages = [page for page in group if page.more] + rest

    def _read_pages(self, pages: list["_Page"]) -> tuple[list["_Page"], str]:
        """Read one page of each; those that were not read come back, with the reason."""
        variables: dict[str, Any] = {}
        declarations, fields = [], []
        for number, page in enumerate(pages):
            variables |= {f"id{number}": page.node_id, f"after{number}": page.found["pageInfo"]["endCursor"]}
            declarations.append(f"$id{number}: ID!, $after{number}: String")
            kind = "PullRequestReviewThread" if page.connection is _THREAD_COMMENTS else "PullRequest"
            connection = page.connection
            arguments = f"first: {page.size}, after: $after{number}{connection.arguments}"
            fields.append(
                f"page{number}: node(id: $id{number}) {{ ... on {kind} "
                f"{{ {connection.field}({arguments}) {{ ...{connection.fragment} }} }} }}"
            )
        text = f"query Follow({', '.join(declarations)}) {{\n  rateLimit {{ cost }}\n  " + "\n  ".join(fields) + "\n}"
        points = 1 + sum(page.connection in (COMMITS, THREADS) for page in pages)
        answer = self._client.graphql(documents.document(text), variables, points=points, spent=self._spent)
        failed = {str(error["path"][0]) for error in answer.errors if error.get("path")}
        unread = []
        for number, page in enumerate(pages):
            node = answer.data.get(f"page{number}")
            if f"page{number}" in failed or node is None:
                if _is_gone(answer.errors, f"page{number}"):
                    # the pull request or the thread went away meanwhile; the counts will tell
                    page.found["pageInfo"] = {"hasNextPage": False}
                    continue
                unread.append(page)
                continue
            new = node[page.connection.field]
            page.found["nodes"] += new["nodes"]
            page.found["pageInfo"] = new["pageInfo"]
            page.found["totalCount"] = new["totalCount"]
        return unread, _reason(answer.errors)

    def _add_details(self, nodes: list[dict[str, Any]]) -> None:
        """Add the parents of commits, and the threads with their comments, where they are not there yet."""
        commits = [
            item["commit"]
            for node in nodes
            for item in node[COMMITS.field]["nodes"]
            if item is not None and "parents" not in item["commit"]
        ]
        threaded = [node for node in nodes if "nodes" not in node[THREADS.field] and node[THREADS.field]["totalCount"]]
        for node in nodes:
            if not node[THREADS.field]["totalCount"]:
                node[THREADS.field].setdefault("nodes", [])
        wanted: list[tuple[str, int]] = [(commit["id"], 0) for commit in commits]
        wanted += [(node["id"], _thread_size(node[THREADS.field]["totalCount"])) for node in threaded]
        sizes = dict(wanted)

        def read(ids: list[str]) -> Read:
            return self._read_details(ids, sizes)

        def alone(node_id: str) -> Any:
            if not sizes[node_id]:
                raise PlimsollError("GitHub cannot give a commit's parents", where=node_id)
            # threads one by one, from the first
            return {"id": node_id, THREADS.field: {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": None}}}

        if not wanted:
            return
        found = self._in_parts(list(sizes), read, alone)
        for commit in commits:
            commit["parents"] = (found[commit["id"]] or {}).get("parents") or {"totalCount": None}
        further = []
        for node in threaded:
            node[THREADS.field] |= (found[node["id"]] or {THREADS.field: {"nodes": [], "pageInfo": {}}})[THREADS.field]
            if _has_more(node, THREADS):
                further.append(_Page(node, node["id"], THREADS))
        self._follow(further)

    def _read_details(self, ids: list[str], sizes: dict[str, int]) -> "Read":
        """One request for details: objects that need the same size share an alias."""
        groups: dict[str, list[int]] = {}
        for place, node_id in enumerate(ids):
            alias = f"size{sizes[node_id]}"
            number = 0
            while len(groups.setdefault(f"{alias}_{number}", [])) >= PAGE:
                number += 1
            groups[f"{alias}_{number}"].append(place)
        fields, declarations, variables, connections = [], [], {}, 0
        for alias, places in groups.items():
            size = sizes[ids[places[0]]]
            connections += len(places) * (1 + size)
            declarations.append(f"${alias}: [ID!]!")
            variables[alias] = [ids[place] for place in places]
            wanted = (
                f"... on PullRequest {{ id reviewThreads(first: {size}) {{ ...Threads }} }}"
                if size
                else "... on Commit { id parents { totalCount } }"
            )
            fields.append(f"{alias}: nodes(ids: ${alias}) {{ {wanted} }}")
        text = f"query Details({', '.join(declarations)}) {{\n  rateLimit {{ cost }}\n  " + "\n  ".join(fields) + "\n}"
        answer = self._client.graphql(
            documents.document(text), variables, points=max(1, connections // 100), spent=self._spent
        )
        whole = Read([None] * len(ids), set(), is_heavy=False, reason=_reason(answer.errors))
        for alias, places in groups.items():
            part = Read.of(answer, alias, len(places))
            whole.is_heavy |= part.is_heavy
            whole.unread.update(places[number] for number in part.unread)
            for place, node in zip(places, part.nodes, strict=True):
                whole.nodes[place] = node
        return whole

    def _letter(self, entry: Entry, node: Json, entity: str, reason: str, payload: str) -> DeadLetter:
        return DeadLetter(
            self._repository, self._repository_id, entry.id, entry.node_id, node.get("number"), entity, reason, payload
        )

    def _shape(self, node: Json, entry: Entry) -> "_Shaped":
        shaped = _Shaped()
        shaper = PullRequestShaper(shaped.rows, self._repository_id, entry.id, keep_emails=self._keep_emails)

        def shape(table: Table, make: Callable[..., Row], item: Json | None, *arguments: Any) -> None:
            try:
                if item is None:
                    raise ValueError("GitHub gives null for it")
                row = make(item, *arguments)
                for _, reason in find_misfits(table, [row]) if _is_suspect(row) else ():
                    raise ValueError(reason)
            except (KeyError, TypeError, ValueError) as error:
                reason = f"missing field {error}" if isinstance(error, KeyError) else str(error)
                payload = orjson.dumps(item, default=str).decode()
                shaped.letters.append(self._letter(entry, node, table.name, reason, payload))
            else:
                shaped.rows[table].append(row)

        shape(tables.PULL_REQUESTS, shaper.pull_request, node)
        make = {
            "files": shaper.file,
            "reviews": shaper.review,
            "comments": shaper.comment,
            "labels": shaper.label,
            "assignees": shaper.assignee,
            "reviewRequests": shaper.review_request,
            "closingIssuesReferences": shaper.closing_issue,
            "timelineItems": shaper.event,
        }
        for connection in CONNECTIONS:
            items = node[connection.field]["nodes"] if node[connection.field] else []
            if connection is COMMITS:
                for position, item in enumerate(items, 1):
                    shape(connection.table, shaper.commit, item, position)
            elif connection is THREADS:
                for thread in items:
                    shape(connection.table, shaper.review_thread, thread)
                    for comment in thread["comments"]["nodes"] if thread else ():
                        shape(tables.REVIEW_COMMENTS, shaper.review_comment, comment, thread["id"])
            else:
                for item in items:
                    shape(connection.table, make[connection.field], item)
        shaped.check()
        return shaped


@dataclass
class _Shaped:
    """One pull request's rows, what could not be shaped, and whether GitHub's counts agree."""

    rows: Rows = field(default_factory=Rows)
    letters: list[DeadLetter] = field(default_factory=list)
    mismatch: tuple[str, str] | None = None

    def check(self) -> None:
        """Drop rows that came twice, as they do when a page shifts, and hold the rest against GitHub's counts."""
        set_aside = {letter.entity for letter in self.letters}
        for table in tables.CHILDREN:
            rows = self.rows[table]
            self.rows.tables[table.name] = list(
                {tuple(row[key] for key in table.primary_key): row for row in rows}.values()
            )
        if not self.rows[tables.PULL_REQUESTS]:
            return
        pull_request = self.rows[tables.PULL_REQUESTS][0]
        counts = [(t, pull_request[t.total], len(self.rows[t])) for t in tables.CHILDREN if t.total is not None]
        comments = sum(thread["comments_total"] for thread in self.rows[tables.REVIEW_THREADS])
        counts.append((tables.REVIEW_COMMENTS, comments, len(self.rows[tables.REVIEW_COMMENTS])))
        for table, total, read in counts:
            if total != read and table.name not in set_aside:
                self.mismatch = (table.name, f"GitHub counts {total}, {read} could be read")
                return


def _has_more(holder: Json, connection: Connection) -> bool:
    found = holder.get(connection.field)
    return bool(found and found.get("pageInfo", {}).get("hasNextPage"))


def _is_suspect(row: Row) -> bool:
    """Whether a row deserves the slow look that tells if it can be loaded.

    Numbers out of range and times that are none would fail the whole package; text was mended when the answer was read.
    """
    for name, value in row.items():
        if type(value) is int and not -(2**63) <= value < 2**63:
            return True
        if (
            type(value) is str
            and name.endswith(("_at", "_on"))
            and not (len(value) == 20 and value[:2] in ("19", "20"))
        ):
            return True
    return False


def _size_for(counts: Iterable[int | None]) -> int:
    """The page size that holds a batch's largest count; 30 where a count is not known."""
    return min(PAGE, max(1, *(30 if count is None else count for count in counts)))


def _thread_size(total: int) -> int:
    return next((size for size in THREAD_SIZES if size >= total), PAGE)


@dataclass
class Read:
    """What one request for objects by their ids gave.

    Attributes:
        nodes: the objects in order; None for those that are gone or were not read.
        unread: the places of those not read whole: null, or with an error inside, for any reason but that they are
            gone.
        is_heavy: whether the reason was the query's weight.
        reason: GitHub's words for it.
    """

    nodes: list[Any]
    unread: set[int]
    is_heavy: bool
    reason: str = ""

    @classmethod
    def of(cls, answer: Answer, alias: str, count: int | None = None) -> "Read":
        """The part of an answer under an alias; `count` objects were asked for."""
        nodes = answer.data.get(alias)
        # GitHub names the place of an object that is gone after the field in some answers, after its alias in others
        places = (alias, "nodes")
        errors = [error for error in answer.errors if not error.get("path") or error["path"][0] in places]
        if nodes is None:
            nodes = [None] * (count or 0)
        unread = {place for place, node in enumerate(nodes) if not node}
        for error in errors:
            path = error.get("path") or []
            if len(path) < 2:
                # an error without a place taints all
                unread = set(range(len(nodes)))
                break
            if error.get("type") != "NOT_FOUND" or len(path) > 2:
                unread.add(path[1])
            elif path[1] < len(nodes) and nodes[path[1]] is None:
                unread.discard(path[1])
        return cls(nodes, unread, any(is_heavy(error) for error in errors), _reason(errors))


def _reason(errors: list[dict[str, Any]]) -> str:
    return str(errors[0].get("message", "")) if errors else "null without an error"


def _is_gone(errors: list[dict[str, Any]], alias: str) -> bool:
    return any(e.get("type") == "NOT_FOUND" and e.get("path") in ([alias], ["node"]) for e in errors)
