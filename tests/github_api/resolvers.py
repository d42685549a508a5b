"""The fields that are more than an attribute: the roots, connections, accounts that may be gone, addresses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .execution import Execution, Resolver
from .model import INT_MAX, WEB, Account, Entity, Organisation, PullRequest, Repository, Team
from .paging import PAGE_LIMIT, Arguments, Key, Row, by_id, paginate
from .queries import GraphQLAnswerError


@dataclass
class Context:
    """What the roots answer from."""

    organisation: Organisation
    viewer: Account
    rate_limit: dict[str, Any]


# connections


def _connection(rows: Callable[[Any], Sequence[Any]], key: Key = by_id) -> Resolver:
    return lambda parent, arguments, _: paginate(rows(parent), key, arguments)


def _numbered(rows: Callable[[Any], Sequence[Any]]) -> Resolver:
    """A connection whose order is the list's own: the cursor is the place."""

    def resolve(parent: Any, arguments: Arguments, _: Execution) -> Row:
        items = rows(parent)
        page = paginate(range(len(items)), lambda place: (place,), arguments)
        page.values["nodes"] = [items[place] for place in page.nodes]
        for edge in page.edges:
            edge.values["node"] = items[edge.node]
        return page

    return resolve


def _pull_requests(repository: Repository, arguments: Arguments, _: Execution) -> Row:
    order = arguments.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    states = arguments.get("states")
    rows = [row for row in repository.pull_requests.values() if not states or row.state in states]

    def key(row: PullRequest) -> tuple[Any, ...]:
        if order["field"] == "COMMENTS":
            return len(row.comments), row.database_id
        return getattr(row, order["field"].lower()), row.database_id

    rows.sort(key=key)
    return paginate(rows, key, arguments, descending=order["direction"] == "DESC")


def _repositories(owner: Account, arguments: Arguments, execution: Execution) -> Row:
    order = arguments.get("orderBy") or {"field": "NAME", "direction": "ASC"}
    rows = [
        row
        for row in execution.context.organisation.repositories(owner)
        if arguments.get("isArchived") in (None, row.is_archived) and arguments.get("isFork") in (None, row.is_fork)
    ]

    def key(row: Repository) -> tuple[Any, ...]:
        return (0 if order["field"] == "STARGAZERS" else getattr(row, order["field"].lower())), row.database_id

    rows.sort(key=key)
    return paginate(rows, key, arguments, descending=order["direction"] == "DESC")


def _reviews(pull_request: PullRequest, arguments: Arguments, _: Execution) -> Row:
    states, author = arguments.get("states"), arguments.get("author")
    rows = [
        row
        for row in pull_request.reviews
        if (not states or row.state in states) and (not author or (row.author and row.author.login == author))
    ]
    return paginate(rows, by_id, arguments)


def _labels(pull_request: PullRequest, arguments: Arguments, _: Execution) -> Row:
    order = arguments["orderBy"]

    def key(row: Any) -> tuple[Any, ...]:
        return (row.name if order["field"] == "NAME" else row.created_at), row.database_id

    return paginate(sorted(pull_request.labels, key=key), key, arguments, descending=order["direction"] == "DESC")


def _timeline_items(pull_request: PullRequest, arguments: Arguments, _: Execution) -> Row:
    kinds = {"".join(word.title() for word in kind.split("_")) for kind in arguments.get("itemTypes") or ()}
    everything = pull_request.timeline()
    rows = [
        row
        for row in everything
        if (not kinds or row.typename in kinds) and row.created_at >= (arguments.get("since") or "")
    ][arguments.get("skip") or 0 :]

    def key(row: Any) -> tuple[Any, ...]:
        return row.created_at, row.database_id

    rows.sort(key=key)
    page = paginate(rows, key, arguments)
    # GitHub's totalCount ignores the filters: only filteredCount can be held against the rows of some item types
    page.values |= {
        "total_count": len(everything),
        "filtered_count": len(rows),
        "page_count": len(page.nodes),
        "updated_at": pull_request.updated_at,
    }
    return page


def _participants(pull_request: PullRequest) -> list[Account]:
    writers = [row.author for row in (*pull_request.reviews, *pull_request.comments)]
    accounts = [alive(writer) for writer in (pull_request.author, *writers)]
    return list(dict.fromkeys(account for account in accounts if account and account.kind == "User"))


# accounts, roots, addresses


def alive(account: Account | None) -> Account | None:
    """Returns the account unless it was deleted, as GitHub does everywhere."""
    return None if account is None or account.is_deleted else account


def _account(attribute: str) -> Resolver:
    return lambda parent, _arguments, _execution: alive(getattr(parent, attribute))


def _detail(name: str) -> Resolver:
    def resolve(event: Any, _arguments: Arguments, _execution: Execution) -> Any:
        found = event.details.get(name)
        return alive(found) if isinstance(found, Account) else found

    return resolve


def _field(read: Callable[[Any], Any]) -> Resolver:
    return lambda parent, _arguments, _execution: read(parent)


def _database_id(entity: Entity) -> int | None:
    return entity.database_id if entity.database_id <= INT_MAX else None


def _url(anchor: str = "") -> Resolver:
    return _field(lambda entity: f"{entity.pull_request.url}#{anchor}{entity.database_id}")


def account_url(account: Account) -> str:
    """Returns the address of an account's page."""
    return f"{WEB}/apps/{account.login}" if account.kind == "Bot" else f"{WEB}/{account.login}"


def avatar_url(account: Account | Team) -> str:
    """Returns the address of an account's picture."""
    return f"https://avatars.githubusercontent.com/u/{account.database_id}?v=4"


def _find_repository(_: Any, arguments: Arguments, execution: Execution) -> Repository:
    name = f"{arguments['owner']}/{arguments['name']}"
    found: Repository | None = execution.context.organisation.repository(name, arguments["followRenames"])
    if found is None:
        raise GraphQLAnswerError(f"Could not resolve to a Repository with the name '{name}'.", "NOT_FOUND")
    return found


def _owned_repository(owner: Account, arguments: Arguments, execution: Execution) -> Repository:
    return _find_repository(None, {"owner": owner.login, **arguments}, execution)


def _find_account(kind: str, *kinds: str) -> Resolver:
    def resolve(_: Any, arguments: Arguments, execution: Execution) -> Account:
        found: Account | None = execution.context.organisation.account_named(arguments["login"])
        if found is None or found.kind not in kinds:
            raise GraphQLAnswerError(
                f"Could not resolve to {kind} with the login of '{arguments['login']}'.", "NOT_FOUND"
            )
        return found

    return resolve


def _find_pull_request(repository: Repository, arguments: Arguments, _: Execution) -> PullRequest:
    found = repository.pull_requests.get(arguments["number"])
    if found is None:
        raise GraphQLAnswerError(
            f"Could not resolve to a PullRequest with the number of {arguments['number']}.", "NOT_FOUND"
        )
    return found


def _repository_of(entity: Entity) -> Repository | None:
    if isinstance(entity, Repository):
        return entity
    owner = getattr(entity, "pull_request", entity)
    return getattr(owner, "repository", None)


def find_node(organisation: Organisation, node_id: str) -> Entity | GraphQLAnswerError:
    """Returns the entity of a node id, or the error that GitHub answers for one that is gone or must not be seen."""
    entity = organisation.nodes.get(node_id)
    repository = _repository_of(entity) if entity else None
    is_hidden = repository is not None and not repository.is_readable
    is_gone = isinstance(entity, Account) and entity.is_deleted
    if entity is None or is_hidden or is_gone:
        return GraphQLAnswerError(f"Could not resolve to a node with the global id of '{node_id}'", "NOT_FOUND")
    return entity


def _node(_: Any, arguments: Arguments, execution: Execution) -> Entity:
    found = find_node(execution.context.organisation, arguments["id"])
    if isinstance(found, GraphQLAnswerError):
        raise found
    return found


def _nodes(_: Any, arguments: Arguments, execution: Execution) -> list[Entity | GraphQLAnswerError]:
    if len(arguments["ids"]) > PAGE_LIMIT:
        raise GraphQLAnswerError(
            f"You may not provide more than {PAGE_LIMIT} node ids; you provided {len(arguments['ids'])}.",
            "ARGUMENT_LIMIT",
        )
    return [find_node(execution.context.organisation, node_id) for node_id in arguments["ids"]]


def _language(repository: Repository) -> Row | None:
    name = repository.primary_language
    return Row("Language", {"id": f"LANG_{name}", "name": name, "color": "#3572A5"}) if name else None


def _headline(commit: Any) -> str:
    return str(commit.message).split("\n", 1)[0]


def _body(commit: Any) -> str:
    return str(commit.message).partition("\n")[2].lstrip("\n")


ACCOUNT: dict[str, Resolver] = {
    "avatarUrl": _field(avatar_url),
    "url": _field(account_url),
    "resourcePath": _field(lambda account: account_url(account).removeprefix(WEB)),
    "databaseId": _field(_database_id),
    "repositories": _repositories,
    "repository": _owned_repository,
    "description": _field(lambda account: None),
    "email": _field(lambda account: None),
    "user": _field(lambda account: None),
}
ROW: dict[str, Resolver] = {
    "databaseId": _field(_database_id),
    "fullDatabaseId": _field(lambda row: str(row.database_id)),
}
WRITTEN: dict[str, Resolver] = ROW | {
    "author": _account("author"),
    "repository": _field(lambda row: row.pull_request.repository),
    "minimizedReason": _field(lambda row: "outdated" if row.is_minimized else None),
}
EVENT: dict[str, Resolver] = {
    "actor": _account("actor"),
    "url": _url("event-"),
    "resourcePath": _field(lambda event: f"{event.pull_request.url}#event-{event.database_id}".removeprefix(WEB)),
    "mergeRefName": _field(lambda event: event.pull_request.base_ref_name),
    **{
        name: _detail(name)
        for name in (
            *("label", "commit", "beforeCommit", "afterCommit"),
            *("previousTitle", "currentTitle", "requestedReviewer"),
        )
    },
}

RESOLVERS: dict[str, dict[str, Resolver]] = {
    "Query": {
        "viewer": lambda _, _arguments, execution: execution.context.viewer,
        "rateLimit": lambda _, _arguments, execution: Row("RateLimit", execution.context.rate_limit),
        "repository": _find_repository,
        "organization": _find_account("an Organization", "Organization"),
        "user": _find_account("a User", "User"),
        "repositoryOwner": _find_account("a User or Organization", "User", "Organization"),
        "node": _node,
        "nodes": _nodes,
    },
    **{kind: ACCOUNT for kind in ("User", "Organization", "Bot", "Mannequin", "EnterpriseUserAccount")},
    "Team": {
        "combinedSlug": _field(lambda team: f"{team.organization.login}/{team.slug}"),
        "databaseId": _field(_database_id),
        "url": _field(lambda team: f"{WEB}/orgs/{team.organization.login}/teams/{team.slug}"),
    },
    "Repository": {
        "archivedAt": _field(lambda repository: repository.updated_at if repository.is_archived else None),
        "databaseId": _field(_database_id),
        "defaultBranchRef": _field(
            lambda repository: Row(
                "Ref",
                {
                    "id": f"REF_{repository.database_id}",
                    "name": repository.default_branch,
                    "prefix": "refs/heads/",
                },
            )
        ),
        "primaryLanguage": _field(_language),
        "pullRequest": _find_pull_request,
        "pullRequests": _pull_requests,
        "resourcePath": _field(lambda repository: f"/{repository.name_with_owner}"),
        "isEmpty": _field(lambda repository: not repository.pull_requests),
        "forkCount": _field(lambda _: 0),
        "stargazerCount": _field(lambda _: 0),
        **{name: _field(lambda _: False) for name in ("isDisabled", "isLocked", "isTemplate")},
    },
    "Issue": ROW
    | {
        "author": _account("author"),
        "body": _field(lambda _: ""),
        "closed": _field(lambda issue: issue.state == "CLOSED"),
        "updatedAt": _field(lambda issue: issue.closed_at or issue.created_at),
        "url": _field(lambda issue: f"{issue.repository.url}/issues/{issue.number}"),
    },
    "Milestone": {
        "closed": _field(lambda _: False),
        "closedAt": _field(lambda _: None),
        "creator": _field(lambda _: None),
        "description": _field(lambda _: None),
        "state": _field(lambda _: "OPEN"),
        "updatedAt": _field(lambda milestone: milestone.created_at),
        "url": _field(lambda milestone: f"{milestone.repository.url}/milestone/{milestone.number}"),
    },
    "Label": {
        "isDefault": _field(lambda _: False),
        "updatedAt": _field(lambda label: label.created_at),
        "url": _field(lambda label: f"{label.repository.url}/labels/{label.name}"),
    },
    "GitActor": {
        "avatarUrl": _field(lambda actor: avatar_url(actor.account) if actor.account else f"{WEB}/identicons/app.png"),
        "user": _field(lambda actor: alive(actor.account) if actor.account and actor.account.kind == "User" else None),
    },
    "Commit": {
        "abbreviatedOid": _field(lambda commit: commit.oid[:7]),
        "additions": _field(lambda _: 0),
        "deletions": _field(lambda _: 0),
        "changedFilesIfAvailable": _field(lambda _: None),
        "authoredDate": _field(lambda commit: commit.author.date),
        "committedDate": _field(lambda commit: commit.committer.date),
        "messageHeadline": _field(_headline),
        "messageBody": _field(_body),
        "parents": _numbered(lambda commit: commit.parents),
        "url": _field(lambda commit: f"{commit.repository.url}/commit/{commit.oid}"),
    },
    "PullRequest": ROW
    | {
        "additions": _field(lambda row: sum(file.additions for file in row.files)),
        "assignees": _numbered(lambda row: [account for account in row.assignees if alive(account)]),
        "author": _account("author"),
        "baseRepository": _field(lambda row: row.repository),
        "changedFiles": _field(lambda row: len(row.files)),
        "closed": _field(lambda row: row.state != "OPEN"),
        "closingIssuesReferences": _connection(lambda row: row.closing_issues),
        "comments": _connection(lambda row: row.comments),
        "commits": _numbered(lambda row: row.commits),
        "deletions": _field(lambda row: sum(file.deletions for file in row.files)),
        "editor": _field(lambda row: alive(row.author) if row.last_edited_at else None),
        "files": _connection(lambda row: row.files, key=lambda file: (file.path,)),
        "headRepositoryOwner": _field(lambda row: row.head_repository.owner if row.head_repository else None),
        "labels": _labels,
        "merged": _field(lambda row: row.state == "MERGED"),
        "mergedBy": _account("merged_by"),
        "participants": _numbered(_participants),
        "permalink": _field(lambda row: row.url),
        "publishedAt": _field(lambda row: row.created_at),
        "resourcePath": _field(lambda row: row.url.removeprefix(WEB)),
        "reviewRequests": _connection(lambda row: row.review_requests),
        "reviewThreads": _connection(lambda row: row.review_threads),
        "reviews": _reviews,
        "timelineItems": _timeline_items,
        "totalCommentsCount": _field(
            lambda row: len(row.comments) + sum(len(thread.comments) for thread in row.review_threads)
        ),
    },
    "PullRequestCommit": {"url": _field(lambda row: f"{row.pull_request.url}/commits/{row.commit.oid}")},
    "PullRequestReview": WRITTEN
    | {"comments": _connection(lambda row: row.comments), "url": _url("pullrequestreview-")},
    "PullRequestReviewThread": {
        "comments": _connection(lambda thread: thread.comments),
        "isCollapsed": _field(lambda thread: thread.is_resolved),
        "originalStartLine": _field(lambda thread: thread.start_line),
        "repository": _field(lambda thread: thread.pull_request.repository),
        "resolvedBy": _account("resolved_by"),
        "startDiffSide": _field(lambda thread: thread.diff_side if thread.start_line else None),
    },
    "PullRequestReviewComment": WRITTEN
    | {
        "commit": _field(lambda row: row.review.commit),
        "originalCommit": _field(lambda row: row.review.commit),
        "diffHunk": _field(lambda row: f"@@ -{row.thread.original_line or 1},3 +{row.thread.original_line or 1},3 @@"),
        "line": _field(lambda row: row.thread.line),
        "originalLine": _field(lambda row: row.thread.original_line),
        "startLine": _field(lambda row: row.thread.start_line),
        "originalStartLine": _field(lambda row: row.thread.start_line),
        "outdated": _field(lambda row: row.thread.is_outdated),
        "path": _field(lambda row: row.thread.path),
        "pullRequestReview": _field(lambda row: row.review),
        "subjectType": _field(lambda row: row.thread.subject_type),
        "url": _url("discussion_r"),
    },
    "IssueComment": WRITTEN | {"url": _url("issuecomment-")},
    "ReviewRequest": {
        "databaseId": _field(_database_id),
        "requestedReviewer": lambda row, _arguments, _execution: (
            row.reviewer if isinstance(row.reviewer, Team) else alive(row.reviewer)
        ),
    },
    **{
        kind: EVENT
        for kind in (
            *("ClosedEvent", "ConvertToDraftEvent", "HeadRefForcePushedEvent", "LabeledEvent", "MergedEvent"),
            *("ReadyForReviewEvent", "RenamedTitleEvent", "ReopenedEvent", "ReviewRequestedEvent", "UnlabeledEvent"),
        )
    },
}
