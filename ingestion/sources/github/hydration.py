"""Pull requests by their ids, whole: scalars, every page of every connection, review threads with their comments.

A chunk of pull requests is read in rounds. *Hydrate* brings what costs the same for all, a batch a request. *Follow*
brings further pages of whatever has more than 100, several connections a request. *Details* brings what multiplies
(threads with comments, parents of commits) in one request for the whole chunk, sized by the counts that Hydrate
brought: asked blindly these two would cost several times all the rest. Pull requests whose counts the list already
brought are read with everything in one round instead, which spares requests.

What GitHub finds too heavy is split, down to one pull request, and for that down to one connection a request.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ingestion.sources.github import documents, tables
from ingestion.sources.github.answers import Read, is_gone, reason_of
from ingestion.sources.github.assembly import Assembler
from ingestion.sources.github.batch_size import BatchSize
from ingestion.sources.github.client import GitHubClient, QueryTooHeavyError, Spent
from ingestion.sources.github.connections import (
    COMMITS,
    CONNECTIONS,
    PAGE,
    THREAD_COMMENTS,
    THREADS,
    Connection,
    has_more,
)
from ingestion.sources.github.pull_requests import Entry, Hydrated
from warehouse.errors import PlimsollError

logger = logging.getLogger(__name__)

BATCH = 50
"""Pull requests a request, at most."""

ROUNDS_BATCH = 34
"""The same where everything is read, in rounds: cheaper in points than 44, and work for all while the list comes in."""

BATCHES = 3
"""Batches that share one request for details and one for further pages."""

FOLLOWED = 10
"""Further pages in one request."""

REREADS = 2
"""Times that a pull request whose rows do not match GitHub's counts is read again."""

UNREAD_ROUNDS = 6

MOST_UNREADABLE = 5
"""In one request's worth; when GitHub fails for more, it is not about them, and the run had better come back later."""

THREAD_SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, PAGE)


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
        return has_more(self.holder, self.connection)


@dataclass(frozen=True)
class _Unreadable:
    """Something that GitHub has and does not give.

    Attributes:
        reason: GitHub's words for it.
    """

    reason: str


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
        self._assembler = Assembler(repository, repository_id, keep_emails=keep_emails)
        self._size = size
        self._spent = spent

    def chunk(self, *, whole: bool) -> int:
        """How many pull requests to hydrate together."""
        return BATCHES * self._width(whole)

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
                shaped = self._assembler.assemble(node, entry)
                if shaped.mismatch and attempt < REREADS:
                    result.reread.append(node["number"])
                    pending.append(entry)
                    continue
                result.rows.extend(shaped.rows)
                result.ids.add(entry.id)
                result.letters += shaped.letters
                if shaped.mismatch:
                    result.letters.append(self._assembler.letter(entry, node, *shaped.mismatch, payload="{}"))
            if not pending:
                break
        return result

    def _width(self, whole: bool) -> int:
        """How many pull requests to ask for at once."""
        if whole:
            return self._size.current
        width = min(self._size.current, ROUNDS_BATCH)
        # ten connections each: GitHub rounds 250 up to 3 points, and 240 down to 2
        return width if width < 14 else width - (width - 4) % 10

    def _read(self, entries: Sequence[Entry], whole: bool, result: Hydrated) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = []
        # a request asks for as many commits and threads as its largest has: like goes with like
        rest = sorted(entries, key=lambda entry: (entry.commits or 0) + (entry.threads or 0))
        while rest:
            width = self._width(whole)
            batch, rest = rest[:width], rest[width:]
            nodes += self._read_batch(batch, whole, result)
        self._follow([_Page(node, node["id"], c) for node in nodes for c in CONNECTIONS if has_more(node, c)])
        self._add_details(nodes)
        # an early page of comments may be short although the thread's list was not
        self._follow(
            [
                _Page(thread, thread["id"], THREAD_COMMENTS)
                for node in nodes
                for thread in node[THREADS.field].get("nodes", ())
                if has_more(thread, THREAD_COMMENTS)
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

        found = self._in_parts(
            [entry.node_id for entry in batch], read, self._read_in_pieces, lambda: self._width(whole)
        )
        nodes = []
        for entry in batch:
            node = found[entry.node_id]
            if node is None:
                result.gone.add(entry.id)
            elif isinstance(node, _Unreadable):
                table = tables.PULL_REQUESTS.name
                result.letters.append(self._assembler.letter(entry, {}, table, node.reason, payload="{}"))
            else:
                nodes.append(node)
        return nodes

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
            if (found := node[connection.field]) is None:
                continue
            total = found.get("totalCount", found.get("filteredCount"))
            # a page before the first, which `follow` then continues
            found |= {"nodes": [], "pageInfo": {"hasNextPage": total > 0, "endCursor": None}}
        return node

    def _in_parts(
        self,
        ids: list[str],
        read: Callable[[list[str]], Read],
        alone: Callable[[str], Any],
        width: Callable[[], int] | None = None,
    ) -> dict[str, Any]:
        """Read `ids` in as few requests as GitHub can bear.

        Args:
            ids: node ids.
            read: makes one request.
            alone: reads one that is too heavy even by itself.
            width: how many are asked for at once now, if the batch size is to learn from what passes and what does not.

        Returns:
            Node id to node; None for those that are gone, `_Unreadable` for those that GitHub keeps giving errors for
            which are neither about weight nor about what is gone.

        Raises:
            PlimsollError: there are many of those.
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
                # fewer, as at the end of a chunk, say nothing
                if width is not None and len(part) >= width():
                    self._size.went_through()
            elif not answer.is_heavy and fruitless < UNREAD_ROUNDS:
                fruitless += 1
                self._client.pause(fruitless, self._spent)
                todo.append(left)
            elif not answer.is_heavy and len(part) == 1:
                found[part[0]] = _Unreadable(answer.reason)
                if sum(isinstance(node, _Unreadable) for node in found.values()) > MOST_UNREADABLE:
                    raise PlimsollError("GitHub keeps answering with errors in place of data", where=answer.reason)
            elif len(part) == 1:
                found[part[0]] = alone(part[0])
            else:
                if answer.is_heavy and width is not None:
                    self._size.too_heavy(len(part))
                middle = (len(left) + 1) // 2
                todo += [half for half in (left[middle:], left[:middle]) if half]
        return found

    def _follow(self, pages: list["_Page"]) -> None:
        """Read every further page, appending to what is there, until there is none."""
        width, fruitless, rounds, given_up = FOLLOWED, 0, UNREAD_ROUNDS + PAGE.bit_length(), 0
        while pages:
            group, rest = pages[:width], pages[width:]
            try:
                unread, reason = self._read_pages(group)
            except QueryTooHeavyError as error:
                unread, reason = group, str(error)
            if len(unread) == len(group):
                fruitless += 1
                if fruitless > rounds and width == 1:
                    given_up += 1
                    if given_up > MOST_UNREADABLE:
                        raise PlimsollError(f"GitHub does not give further pages: {reason}", where=group[0].node_id)
                    # what is missing is missed when rows and counts are compared
                    logger.warning("GitHub does not give a further page of %s: %s", group[0].node_id, reason)
                    group[0].found["pageInfo"] = {"hasNextPage": False}
                    fruitless, rounds = 0, 1
                    pages = [page for page in pages if page.more]
                    continue
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
            kind = "PullRequestReviewThread" if page.connection is THREAD_COMMENTS else "PullRequest"
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
                if is_gone(answer.errors, f"page{number}"):
                    # the pull request or the thread went away meanwhile; the counts will tell
                    page.found["pageInfo"] = {"hasNextPage": False}
                    continue
                unread.append(page)
                continue
            new = node[page.connection.field]
            page.found["nodes"] += new["nodes"]
            page.found["pageInfo"] = new["pageInfo"]
            page.found["totalCount"] = new["totalCount"]
        return unread, reason_of(answer.errors)

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
                return {}
            # threads one by one, from the first
            return {"id": node_id, THREADS.field: {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": None}}}

        if not wanted:
            return
        found = self._in_parts(list(sizes), read, alone)
        # what is unknown stays unknown; missing threads are missed when rows and counts are compared
        found = {node_id: {} if isinstance(node, _Unreadable) else node or {} for node_id, node in found.items()}
        for commit in commits:
            commit["parents"] = found[commit["id"]].get("parents") or {"totalCount": None}
        further = []
        for node in threaded:
            node[THREADS.field] |= found[node["id"]].get(THREADS.field) or {"nodes": [], "pageInfo": {}}
            if has_more(node, THREADS):
                further.append(_Page(node, node["id"], THREADS))
        self._follow(further)

    def _read_details(self, ids: list[str], sizes: dict[str, int]) -> Read:
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
        whole = Read([None] * len(ids), set(), is_heavy=False, reason=reason_of(answer.errors))
        for alias, places in groups.items():
            part = Read.of(answer, alias, len(places))
            whole.is_heavy |= part.is_heavy
            whole.unread.update(places[number] for number in part.unread)
            for place, node in zip(places, part.nodes, strict=True):
                whole.nodes[place] = node
        return whole


def _size_for(counts: Iterable[int | None]) -> int:
    """The page size that holds a batch's largest count; 30 where a count is not known."""
    return min(PAGE, max(1, *(30 if count is None else count for count in counts)))


def _thread_size(total: int) -> int:
    return next((size for size in THREAD_SIZES if size >= total), PAGE)
