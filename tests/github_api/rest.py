"""The few REST endpoints that a warehouse needs beside GraphQL."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from .limits import Window
from .model import Account, File, Organisation, PullRequest, Repository
from .resolvers import account_url, alive, avatar_url

FILES_LIMIT = 3_000
PATCH_LINES_LIMIT = 20_000
STATUSES = {"DELETED": "removed"}


@dataclass
class Answer:
    """An HTTP answer: a status, a JSON body, headers of its own."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """A REST request, and what it is answered from."""

    base: str
    path: str
    query: dict[str, str]
    organisation: Organisation
    viewer: Account
    windows: dict[str, Window]

    @classmethod
    def of(
        cls, base: str, target: str, organisation: Organisation, viewer: Account, windows: dict[str, Window]
    ) -> "Call":
        """Returns the call of a request line's target."""
        parts = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        return cls(base, parts.path.removeprefix("/api/v3"), query, organisation, viewer, windows)

    def page(self, rows: Sequence[Any], shape: Callable[[Any], dict[str, Any]]) -> Answer:
        """Returns one page of a list, with GitHub's Link header."""
        size = min(int(self.query.get("per_page", 30)), 100)
        number = int(self.query.get("page", 1))
        last = max(1, -(-len(rows) // size))
        targets = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
        links = [
            f'<{self.base}{self.path}?{urlencode(self.query | {"page": page})}>; rel="{name}"'
            for name, page in targets.items()
            if 1 <= page <= last and page != number
        ]
        headers = {"Link": ", ".join(links)} if links else {}
        return Answer(200, [shape(row) for row in rows[(number - 1) * size : number * size]], headers)


def not_found() -> Answer:
    """Returns GitHub's 404, which also hides what must not be seen."""
    return Answer(404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"})


def answer(call: Call) -> Answer:
    """Returns the answer of a REST call."""
    for pattern, handler in ROUTES:
        match = re.fullmatch(pattern, call.path)
        if match:
            return handler(call, *match.groups())
    return not_found()


def _account(account: Account) -> dict[str, Any]:
    is_bot = account.kind == "Bot"
    return {
        "login": f"{account.login}[bot]" if is_bot else account.login,
        "id": account.database_id,
        "node_id": account.id,
        "avatar_url": avatar_url(account),
        "html_url": account_url(account),
        "type": account.kind,
    }


def _repository(repository: Repository) -> dict[str, Any]:
    return {
        "id": repository.database_id,
        "node_id": repository.id,
        "name": repository.name,
        "full_name": repository.name_with_owner,
        "owner": _account(repository.owner),
        "private": repository.is_private,
        "description": repository.description,
        "fork": repository.is_fork,
        "archived": repository.is_archived,
        "html_url": repository.url,
        "created_at": repository.created_at,
        "updated_at": repository.updated_at,
        "pushed_at": repository.pushed_at,
        "language": repository.primary_language,
        "default_branch": repository.default_branch,
    }


def _rate_limit(call: Call) -> Answer:
    def shape(window: Window) -> dict[str, Any]:
        return {
            "limit": window.limit,
            "remaining": window.remaining,
            "used": window.used,
            "reset": int(window.ends_at),
            "resource": window.resource,
        }

    resources = {name: shape(window) for name, window in call.windows.items()}
    return Answer(200, {"resources": resources, "rate": resources["core"]})


def _meta(_: Call) -> Answer:
    return Answer(200, {"verifiable_password_authentication": False, "installed_version": "3.19.0"})


def _user(call: Call) -> Answer:
    return Answer(200, _account(call.viewer) | {"name": call.viewer.name})


def _owner_repositories(call: Call, login: str) -> Answer:
    owner = call.organisation.account_named(login)
    if owner is None:
        return not_found()
    rows = sorted(call.organisation.repositories(owner), key=lambda repository: repository.name)
    return call.page(rows, _repository)


def _found(call: Call, name: str) -> Repository | Answer:
    """Returns the repository, a redirect where the name is a former one, or 404."""
    repository = call.organisation.repository(name)
    if repository is None:
        return not_found()
    if repository.name_with_owner.lower() != name.lower():
        rest = call.path.removeprefix(f"/repos/{name}")
        location = f"{call.base}/repositories/{repository.database_id}{rest}"
        if call.query:
            location += f"?{urlencode(call.query)}"
        return Answer(301, {"message": "Moved Permanently", "url": location}, {"Location": location})
    return repository


def _one_repository(call: Call, name: str) -> Answer:
    repository = _found(call, name)
    return repository if isinstance(repository, Answer) else Answer(200, _repository(repository))


def _found_pull_request(call: Call, name: str, number: str) -> PullRequest | Answer:
    repository = _found(call, name)
    if isinstance(repository, Answer):
        return repository
    return repository.pull_requests.get(int(number)) or not_found()


def _files(call: Call, name: str, number: str) -> Answer:
    pull_request = _found_pull_request(call, name, number)
    return pull_request if isinstance(pull_request, Answer) else _files_page(call, pull_request)


def _files_by_id(call: Call, database_id: str, number: str) -> Answer:
    names = [row.name_with_owner for row in call.organisation.repositories() if row.database_id == int(database_id)]
    return _files(call, names[0], number) if names else not_found()


def _files_page(call: Call, pull_request: PullRequest) -> Answer:
    rows, lines = [], 0
    for file in pull_request.files[:FILES_LIMIT]:
        # once the patches of an answer reach GitHub's limit, files follow without patch and without counts
        is_cut = lines + file.additions + file.deletions > PATCH_LINES_LIMIT
        lines += file.additions + file.deletions
        rows.append((file, is_cut))
    return call.page(rows, lambda row: _file(pull_request, *row))


def _file(pull_request: PullRequest, file: File, is_cut: bool) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "sha": hashlib.sha1(f"{pull_request.head_ref_oid}:{file.path}".encode(), usedforsecurity=False).hexdigest(),
        "filename": file.path,
        "status": STATUSES.get(file.change_type, file.change_type.lower()),
        "additions": 0 if is_cut else file.additions,
        "deletions": 0 if is_cut else file.deletions,
        "changes": 0 if is_cut else file.additions + file.deletions,
        "blob_url": f"{pull_request.repository.url}/blob/{pull_request.head_ref_oid}/{file.path}",
    }
    if file.previous_path:
        shape["previous_filename"] = file.previous_path
    if file.patch is not None and not is_cut:
        shape["patch"] = file.patch
    return shape


def _pull(call: Call, name: str, number: str) -> Answer:
    pull_request = _found_pull_request(call, name, number)
    if isinstance(pull_request, Answer):
        return pull_request
    author = alive(pull_request.author)
    return Answer(
        200,
        {
            "id": pull_request.database_id,
            "node_id": pull_request.id,
            "number": pull_request.number,
            "title": pull_request.title,
            "state": "open" if pull_request.state == "OPEN" else "closed",
            "user": _account(author) if author else None,
            "html_url": pull_request.url,
            "created_at": pull_request.created_at,
            "updated_at": pull_request.updated_at,
            "merged_at": pull_request.merged_at,
            "changed_files": len(pull_request.files),
        },
    )


def _pulls(call: Call, name: str) -> Answer:
    repository = _found(call, name)
    if isinstance(repository, Answer):
        return repository
    rows = sorted(repository.pull_requests.values(), key=lambda row: row.created_at, reverse=True)
    return call.page(rows, lambda row: {"id": row.database_id, "number": row.number, "updated_at": row.updated_at})


def _children(call: Call, name: str, kind: str, number: str, children: str) -> Answer:
    """The lists below a pull request that a reader without GraphQL asks for, as ids alone."""
    pull_request = _found_pull_request(call, name, number)
    if isinstance(pull_request, Answer):
        return pull_request
    rows: dict[str, list[Any]] = {
        "pulls/commits": pull_request.commits,
        "pulls/reviews": pull_request.reviews,
        "pulls/comments": [comment for thread in pull_request.review_threads for comment in thread.comments],
        "issues/comments": pull_request.comments,
    }
    return call.page(rows[f"{kind}/{children}"], lambda row: {"node_id": row.id})


NAME = r"([^/]+/[^/]+)"
ROUTES: tuple[tuple[str, Callable[..., Answer]], ...] = (
    (r"/rate_limit", _rate_limit),
    (r"/meta", _meta),
    (r"/user", _user),
    (r"/(?:orgs|users)/([^/]+)/repos", _owner_repositories),
    (rf"/repos/{NAME}", _one_repository),
    (rf"/repos/{NAME}/pulls", _pulls),
    (rf"/repos/{NAME}/pulls/(\d+)", _pull),
    (rf"/repos/{NAME}/(pulls)/(\d+)/(commits|reviews|comments)", _children),
    (rf"/repos/{NAME}/(issues)/(\d+)/(comments)", _children),
    (rf"/repos/{NAME}/pulls/(\d+)/files", _files),
    (r"/repositories/(\d+)/pulls/(\d+)/files", _files_by_id),
)
