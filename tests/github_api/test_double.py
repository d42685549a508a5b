"""The double answers as GitHub does, in what it grants, refuses and gets wrong."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.github_api import App, GitHubDouble, Limits, Organisation
from tests.github_api.model import Account, File, PullRequest, Repository
from tests.github_api.mutations import Mutations
from tests.github_api.queries import GraphQLAnswerError, InvalidQueryError, price, read

LIST = """query List($first: Int, $last: Int, $after: String, $before: String, $direction: OrderDirection!) {
  repository(owner: "acme", name: "dock") {
    pullRequests(first: $first, last: $last, after: $after, before: $before,
                 orderBy: {field: UPDATED_AT, direction: $direction}) {
      totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } nodes { number updatedAt }
    }
  }
}"""
NODES = (
    "query Nodes($ids: [ID!]!) { rateLimit { cost remaining used } nodes(ids: $ids) { ... on PullRequest { number } } }"
)
VIEWER = "query Viewer { viewer { login } }"
TOKEN = "a-token"
# one client for all: loading certificates takes longer than a test
HTTP = httpx.Client(verify=False)


@pytest.fixture
def organisation() -> Organisation:
    """One repository with twelve pull requests of one person."""
    organisation = Organisation("acme", "Acme", "2026-01-01T00:00:00Z")
    author = organisation.create(Account, login="kim", name="Kim", created_at="2025-01-01T00:00:00Z")
    mutations = Mutations(organisation)
    repository = mutations.create_repository("dock")
    for number in range(1, 13):
        files = [
            File(path=f"src/{index}.py", change_type="MODIFIED", additions=2, deletions=1, patch="@@")
            for index in range(3)
        ]
        mutations.open(repository, title=f"Change {number}", author=author, files=files)
    return organisation


@pytest.fixture
def repository(organisation: Organisation) -> Repository:
    found = organisation.repository("acme/dock")
    assert found is not None
    return found


@pytest.fixture
def api(organisation: Organisation) -> Iterator[GitHubDouble]:
    with GitHubDouble(organisation) as double:
        yield double


def post(api: GitHubDouble, query: str, token: str = TOKEN, **variables: Any) -> httpx.Response:
    """Sends one query."""
    headers = {"Authorization": f"bearer {token}"} if token else {}
    return HTTP.post(api.graphql_url, json={"query": query, "variables": variables}, headers=headers)


def ask(api: GitHubDouble, query: str, **variables: Any) -> dict[str, Any]:
    """Sends one query and returns its data, which must be whole."""
    body = post(api, query, **variables).json()
    assert "errors" not in body, body["errors"]
    data: dict[str, Any] = body["data"]
    return data


def numbers(pages: list[dict[str, Any]]) -> list[int]:
    return [node["number"] for page in pages for node in page["nodes"]]


@pytest.mark.parametrize(
    ("query", "variables", "requests", "points"),
    [
        pytest.param(VIEWER, {}, 0, 1, id="no connection costs a point"),
        pytest.param(NODES, {"ids": ["x"] * 25}, 0, 1, id="nodes alone are no connection"),
        pytest.param(
            """query($ids: [ID!]!) { nodes(ids: $ids) { ... on PullRequest {
              a: files(first: 100) { totalCount } b: commits(first: 100) { totalCount }
              c: reviews(first: 100) { totalCount } d: comments(first: 100) { totalCount }
              e: labels(first: 100) { totalCount } f: assignees(first: 100) { totalCount }
              g: reviewRequests(first: 100) { totalCount } } } }""",
            {"ids": ["x"] * 25},
            175,
            2,
            id="seven connections of 25 pull requests",
        ),
        pytest.param(
            """query { organization(login: "acme") { repositories(first: 100) {
              nodes { pullRequests(first: 1) { nodes { updatedAt } } } } } }""",
            {},
            101,
            1,
            id="the newest pull request of 100 repositories",
        ),
        pytest.param(
            """query { repository(owner: "a", name: "b") { pullRequests(first: 100) {
              nodes { comments(first: 50) { nodes { author { login } } } reviews(last: 60) {
                nodes { comments(first: 10) { totalCount } } } } } } }""",
            {},
            1 + 100 + 100 + 6000,
            62,
            id="nested connections multiply",
        ),
    ],
)
def test_price_follows_githubs_formula(query: str, variables: dict[str, Any], requests: int, points: int) -> None:
    cost = price(read(query, variables))
    assert (cost.requests, cost.points) == (requests, points)


def test_price_refuses_half_a_million_nodes() -> None:
    query = """query { repository(owner: "a", name: "b") { pullRequests(first: 100) {
      nodes { reviews(first: 100) { nodes { comments(first: 100) { nodes { id } } } } } } } }"""
    with pytest.raises(GraphQLAnswerError, match="1,010,100 possible nodes") as caught:
        price(read(query))
    assert caught.value.kind == "MAX_NODE_LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    "query", ["{ viewer { shoeSize } }", "{ viewer { login }", "{ repository(owner: 1, name: 2) { id } }"]
)
def test_read_refuses_what_github_would(query: str) -> None:
    with pytest.raises(InvalidQueryError):
        read(query)


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_paging_forward_and_backward_gives_every_row_once(api: GitHubDouble, direction: str) -> None:
    expected = list(range(1, 13)) if direction == "ASC" else list(range(12, 0, -1))
    forward: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = ask(api, LIST, first=5, after=cursor, direction=direction)["repository"]["pullRequests"]
        forward.append(page)
        cursor = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert [len(page["nodes"]) for page in forward] == [5, 5, 2]
    assert numbers(forward) == expected
    backward: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = ask(api, LIST, last=5, before=cursor, direction=direction)["repository"]["pullRequests"]
        backward.insert(0, page)
        cursor = page["pageInfo"]["startCursor"]
        if not page["pageInfo"]["hasPreviousPage"]:
            break
    assert [len(page["nodes"]) for page in backward] == [2, 5, 5]
    assert numbers(backward) == expected


def test_cursor_survives_deletion_of_its_row(api: GitHubDouble, repository: Repository) -> None:
    first = ask(api, LIST, first=5, direction="ASC")["repository"]["pullRequests"]
    api.mutate.delete(repository.pull_requests[5])
    second = ask(api, LIST, first=5, after=first["pageInfo"]["endCursor"], direction="ASC")["repository"][
        "pullRequests"
    ]
    assert numbers([second]) == [6, 7, 8, 9, 10]


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ("", "MISSING_PAGINATION_BOUNDARIES"),
        ("(first: 101)", "EXCESSIVE_PAGINATION"),
        ('(first: 1, after: "nonsense")', "INVALID_CURSOR_ARGUMENTS"),
    ],
)
def test_bad_paging_is_an_error_at_its_field(api: GitHubDouble, arguments: str, kind: str) -> None:
    query = (
        f'query {{ repository(owner: "acme", name: "dock") {{ name pullRequests{arguments} {{ nodes {{ id }} }} }} }}'
    )
    body = post(api, query).json()
    assert [error["type"] for error in body["errors"]] == [kind]
    assert body["errors"][0]["path"] == ["repository", "pullRequests"]


def test_total_count_needs_no_bounds(api: GitHubDouble) -> None:
    query = '{ repository(owner: "acme", name: "dock") { pullRequests { totalCount } } }'
    assert ask(api, query)["repository"]["pullRequests"]["totalCount"] == 12


def test_filtered_count_alone_follows_item_types(api: GitHubDouble, repository: Repository) -> None:
    pull_request = repository.pull_requests[1]
    api.mutate.comment(pull_request, pull_request.author, "hello")
    api.mutate.merge(pull_request, pull_request.author)
    query = """query($id: ID!) { node(id: $id) { ... on PullRequest {
      timelineItems(first: 10, itemTypes: [MERGED_EVENT]) { totalCount filteredCount nodes { __typename } } } } }"""
    items = ask(api, query, id=pull_request.id)["node"]["timelineItems"]
    assert items == {"totalCount": 4, "filteredCount": 1, "nodes": [{"__typename": "MergedEvent"}]}


def test_fragments_aliases_and_directives(api: GitHubDouble, repository: Repository) -> None:
    query = """query($id: ID!, $more: Boolean!) {
      node(id: $id) {
        ...Change
        ... on PullRequest { writer: author { ...Who } number @include(if: $more) title @skip(if: $more) }
      }
    }
    fragment Change on PullRequest { files(first: 1) { nodes { path } totalCount } }
    fragment Who on Actor { __typename login ... on User { name } ... on Bot { databaseId } }"""
    answer = ask(api, query, id=repository.pull_requests[3].id, more=True)["node"]
    assert answer == {
        "files": {"nodes": [{"path": "src/0.py"}], "totalCount": 3},
        "writer": {"__typename": "User", "login": "kim", "name": "Kim"},
        "number": 3,
    }


def test_ids_beyond_32_bits_have_no_database_id(api: GitHubDouble, repository: Repository) -> None:
    query = "query($id: ID!) { node(id: $id) { ... on PullRequest { databaseId fullDatabaseId } } }"
    pull_request = repository.pull_requests[1]
    assert ask(api, query, id=pull_request.id)["node"] == {
        "databaseId": None,
        "fullDatabaseId": str(pull_request.database_id),
    }


def test_gone_nodes_are_null_with_not_found(api: GitHubDouble, repository: Repository) -> None:
    gone, kept = repository.pull_requests[2], repository.pull_requests[3]
    api.mutate.delete(gone)
    body = post(api, NODES, ids=[gone.id, kept.id]).json()
    assert body["data"]["nodes"] == [None, {"number": 3}]
    assert [(error["type"], error["path"]) for error in body["errors"]] == [("NOT_FOUND", ["nodes", 0])]


def test_deleted_account_is_null_everywhere(api: GitHubDouble, repository: Repository) -> None:
    author = repository.pull_requests[1].author
    assert author is not None
    other = api.organisation.create(Account, login="lee", created_at="2025-01-01T00:00:00Z")
    api.mutate.comment(repository.pull_requests[1], author, "bye")
    api.mutate.delete_account(author)
    query = """query($id: ID!) { viewer { login } node(id: $id) { ... on PullRequest {
      author { login } comments(first: 1) { nodes { author { login } } } } } }"""
    answer = ask(api, query, id=repository.pull_requests[1].id)
    assert answer["node"] == {"author": None, "comments": {"nodes": [{"author": None}]}}
    assert answer["viewer"]["login"] == other.login


def test_former_repository_name_answers_with_the_new_one(api: GitHubDouble, repository: Repository) -> None:
    api.mutate.rename_repository(repository, "pier")
    query = '{ repository(owner: "acme", name: "dock") { nameWithOwner } }'
    assert ask(api, query)["repository"]["nameWithOwner"] == "acme/pier"
    moved = HTTP.get(f"{api.url}/repos/acme/dock/pulls/1/files", headers={"Authorization": f"bearer {TOKEN}"})
    assert moved.status_code == 301
    followed = HTTP.get(moved.headers["Location"], headers={"Authorization": f"bearer {TOKEN}"})
    assert [file["filename"] for file in followed.json()] == ["src/0.py", "src/1.py", "src/2.py"]


def test_unreadable_repository_looks_absent(api: GitHubDouble, repository: Repository) -> None:
    node_id = repository.pull_requests[1].id
    api.mutate.hide_repository(repository)
    body = post(api, '{ repository(owner: "acme", name: "dock") { id } }').json()
    assert (body["data"], body["errors"][0]["type"]) == ({"repository": None}, "NOT_FOUND")
    assert post(api, NODES, ids=[node_id]).json()["data"]["nodes"] == [None]
    listed = ask(api, '{ organization(login: "acme") { repositories(first: 5) { totalCount } } }')
    assert listed["organization"]["repositories"]["totalCount"] == 0


def test_points_are_charged_until_the_window_ends(organisation: Organisation) -> None:
    with GitHubDouble(organisation, limits=Limits(points=2, window_seconds=1)) as api:
        assert ask(api, NODES, ids=[])["rateLimit"] == {"cost": 1, "remaining": 1, "used": 1}
        ask(api, VIEWER)
        refused = post(api, VIEWER)
        assert (refused.status_code, refused.json()["errors"][0]["type"]) == (200, "RATE_LIMITED")
        assert refused.headers["X-RateLimit-Remaining"] == "0"
        time.sleep(max(0.0, float(refused.headers["X-RateLimit-Reset"]) - time.time()))
        assert ask(api, VIEWER)["viewer"]["login"] == "kim"


def test_points_per_minute_are_a_secondary_limit(organisation: Organisation) -> None:
    with GitHubDouble(organisation, limits=Limits(points_per_minute=1, secondary_status=429, retry_after=7)) as api:
        ask(api, VIEWER)
        refused = post(api, VIEWER)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "7")


def test_node_budget_leaves_the_rest_null(organisation: Organisation) -> None:
    with GitHubDouble(organisation, limits=Limits(node_budget=4)) as api:
        body = post(api, LIST, first=6, direction="ASC").json()
        assert [bool(node) for node in body["data"]["repository"]["pullRequests"]["nodes"]] == [True] * 4 + [False] * 2
        assert {error["type"] for error in body["errors"]} == {"RESOURCE_LIMITS_EXCEEDED"}


def test_timeout_budget_is_a_502_that_costs_twice(organisation: Organisation) -> None:
    with GitHubDouble(organisation, limits=Limits(timeout_budget=4)) as api:
        assert post(api, LIST, first=6, direction="ASC").status_code == 502
        assert ask(api, NODES, ids=[])["rateLimit"]["used"] == 3


def test_tokens_are_checked_and_revocable(organisation: Organisation) -> None:
    with GitHubDouble(organisation, tokens=("one", "two")) as api:
        assert post(api, VIEWER, token="one").status_code == 200
        api.ledger.revoke("one")
        assert [post(api, VIEWER, token=token).status_code for token in ("one", "two", "three", "")] == [
            401,
            200,
            401,
            401,
        ]


def test_app_exchanges_its_signature_for_a_token_that_ends(organisation: Organisation) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    app = App(app_id="12", installation_id=34, public_key=public.decode(), token_seconds=1)
    now = datetime.now(UTC)
    signed = jwt.encode({"iat": now, "exp": now + timedelta(minutes=1), "iss": "12"}, key, algorithm="RS256")
    with GitHubDouble(organisation, tokens=("none",), app=app) as api:
        url = f"{api.url}/app/installations/34/access_tokens"
        assert HTTP.post(url, headers={"Authorization": "Bearer forged"}).status_code == 401
        issued = HTTP.post(url, headers={"Authorization": f"Bearer {signed}"}).json()
        assert post(api, VIEWER, token=issued["token"]).status_code == 200
        time.sleep(1.1)
        assert post(api, VIEWER, token=issued["token"]).status_code == 401


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("500", 500, "Something went wrong"),
        ("503", 503, "Something went wrong"),
        ("html_502", 502, "<html>"),
        ("timeout_200", 200, "Something went wrong"),
        ("unauthorized", 401, "Bad credentials"),
        ("forbidden", 403, "not accessible"),
        ("secondary", 403, "secondary rate limit"),
        ("secondary_200", 200, "RATE_LIMITED"),
        ("rate_limited", 200, "RATE_LIMITED"),
        ("resource_limits", 200, "RESOURCE_LIMITS_EXCEEDED"),
        ("partial", 200, "Something went wrong"),
        ("empty", 200, ""),
    ],
)
def test_fault_goes_wrong_once_and_as_named(api: GitHubDouble, kind: Any, status: int, text: str) -> None:
    fault = api.faults.add(kind, operation="List", times=1)
    assert ask(api, VIEWER)["viewer"]["login"] == "kim"
    wrong = post(api, LIST, first=6, direction="ASC")
    assert (wrong.status_code, text in wrong.text) == (status, True)
    assert len(ask(api, LIST, first=6, direction="ASC")["repository"]["pullRequests"]["nodes"]) == 6
    assert fault.fired == 1


@pytest.mark.parametrize("kind", ["reset", "refuse"])
def test_fault_cuts_the_connection(api: GitHubDouble, kind: Any) -> None:
    api.faults.add(kind, times=1)
    with pytest.raises(httpx.TransportError):
        post(api, LIST, first=6, direction="ASC")
    assert post(api, LIST, first=6, direction="ASC").status_code == 200


def test_fault_truncates_the_json_and_not_the_answer(api: GitHubDouble) -> None:
    api.faults.add("truncate", times=1)
    answer = post(api, LIST, first=6, direction="ASC")
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="JSON|delimiter|Expecting|Unterminated"):
        answer.json()


def test_faults_fire_by_place_by_rhythm_and_by_chance(api: GitHubDouble) -> None:
    def fired(**rule: Any) -> list[int]:
        api.faults.clear()
        api.faults.add("500", **rule)
        return [place for place in range(1, 13) if post(api, VIEWER).status_code == 500]

    assert fired(nth=(2, 5)) == [2, 5]
    assert fired(every=4, times=2) == [4, 8]
    chance = fired(probability=0.5, seed=3)
    assert chance == fired(probability=0.5, seed=3)
    assert 0 < len(chance) < 12


def test_log_tells_what_each_request_asked_and_cost(api: GitHubDouble) -> None:
    ask(api, LIST, first=6, direction="ASC")
    HTTP.get(f"{api.url}/user", headers={"Authorization": "token other"})
    first, second = api.log
    assert (first.operation, first.points, first.nodes, first.status, first.token) == ("List", 1, 6, 200, TOKEN)
    assert (second.path, second.operation, second.token) == ("/user", "", "other")


def test_rest_files_cut_patches_at_githubs_line_limit(api: GitHubDouble, repository: Repository) -> None:
    files = [
        File(path=f"big/{index}.txt", change_type="ADDED", additions=15_000, deletions=0, patch="@@")
        for index in range(2)
    ]
    api.mutate.set_files(repository.pull_requests[1], files)
    answer = HTTP.get(f"{api.url}/repos/acme/dock/pulls/1/files", headers={"Authorization": f"bearer {TOKEN}"}).json()
    assert [(file["additions"], "patch" in file) for file in answer] == [(15_000, True), (0, False)]


def test_rest_pages_with_link_headers(api: GitHubDouble) -> None:
    url: str | None = f"{api.url}/repos/acme/dock/pulls/1/files?per_page=2"
    names = []
    while url:
        answer = HTTP.get(url, headers={"Authorization": f"bearer {TOKEN}"})
        names += [file["filename"] for file in answer.json()]
        url = answer.links.get("next", {}).get("url")
    assert names == ["src/0.py", "src/1.py", "src/2.py"]


def test_mutations_move_updated_at_as_github_does(api: GitHubDouble, repository: Repository) -> None:
    pull_request: PullRequest = repository.pull_requests[1]
    author = pull_request.author
    assert author is not None

    def moves(change: Any) -> bool:
        before = pull_request.updated_at
        change()
        return pull_request.updated_at > before

    review = api.mutate.review(pull_request, author, "COMMENTED")
    thread = api.mutate.start_thread(review, "src/0.py", 1, "why?")
    assert moves(lambda: api.mutate.comment(pull_request, author, "hello"))
    assert moves(lambda: api.mutate.add_label(pull_request, "bug"))
    assert moves(lambda: api.mutate.edit(pull_request, title="Another title"))
    assert moves(lambda: api.mutate.force_push(pull_request, ["again"], author))
    assert moves(lambda: api.mutate.delete_comment(pull_request.comments[0]))
    assert not moves(lambda: api.mutate.resolve(thread, author))
    assert not moves(lambda: api.mutate.rename_account(author, "kim-2"))
    assert not moves(lambda: api.mutate.rename_label(repository, "bug", "defect"))
    assert [commit.commit.message for commit in pull_request.commits] == ["again"]
