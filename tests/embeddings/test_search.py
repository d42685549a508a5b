"""Search over synced marts, with the model that ships."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from psycopg2 import extensions

from embeddings.collections import COLLECTIONS
from embeddings.encoders.static import StaticEncoder
from embeddings.filters import Filters
from embeddings.searching import Kind, Searcher
from tests.databases import database
from tests.embeddings.conftest import HashEncoder
from tests.embeddings.marts import File, PullRequest, put, remove
from tests.embeddings.syncing import Sidecar
from warehouse.errors import PlimsollError
from warehouse.postgres import connect
from warehouse.settings import Settings

FLEET = [
    PullRequest(1, "Retry failed uploads", body="A dropped connection no longer loses the file.", branch="upload-retry",
                author="jane", files=[File("src/uploads/client.py", 40)], is_feature=True),
    PullRequest(2, "Document the release process", body="How to cut a version.", author="ken", labels=("docs",),
                files=[File("docs/release.md", 90, "Markdown")]),
    PullRequest(3, "Drop the users table's phone column", body="Nobody reads it. The migration is not reversible.",
                author="jane", risk_score=9.2, high_risk=True, files=[File("db/migrations/0042_drop.sql", 5, "SQL")]),
    PullRequest(4, "Rename ClientInitKey to KeyPackage", body="As agreed.", author="ana", is_merged=False,
                files=[File("src/keys/package.py", 300), File("docs/keys.md", 10, "Markdown")]),
    PullRequest(5, "Speed up the dashboard", body="Charts load lazily now.", author="dependabot[bot]",
                repo_name="acme/web", files=[File("web/charts.ts", 120, "TypeScript")]),
    PullRequest(6, "Повторять неудачные загрузки", body="Соединение может прерваться.", repo_name="acme/web",
                author="oleg", files=[File("web/загрузка.ts", 12, "TypeScript")]),
]  # fmt: skip


@contextmanager
def searching(settings: Settings) -> Iterator[Searcher]:
    """A search over the fleet."""
    with closing(connect(settings)) as warehouse:
        put(warehouse, FLEET)
    with Sidecar.open(settings, StaticEncoder()) as sidecar:
        for alias in COLLECTIONS:
            sidecar.sync(alias)
    with Searcher.open(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def searcher(home: Path, empty_marts: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    """A search over the fleet, for all tests that change nothing."""
    with database(home, "embeddings_fleet", template=empty_marts) as made:
        milvus = tmp_path_factory.mktemp("fleet") / "milvus.db"
        with searching(made.model_copy(update={"milvus_url": str(milvus)})) as opened:
            yield opened


def numbers(searcher: Searcher, query: str, **options: object) -> list[int]:
    return [result.pr_number for result in searcher.search(query, **options).results]  # type: ignore[arg-type]


def test_questions_find_their_pull_request_first(searcher: Searcher) -> None:
    assert numbers(searcher, "what happens when the network breaks during an upload?")[0] == 1
    assert numbers(searcher, "how do we publish a new version")[0] == 2
    assert numbers(searcher, "charts are slow")[0] == 5
    assert numbers(searcher, "загрузки")[0] == 6


def test_each_route_answers(searcher: Searcher) -> None:
    for query, route, first in (
        ("#3", "direct", 3),
        ("acme/web#5", "direct", 5),
        ("@ana", "direct", 4),
        ("ANA", "direct", 4),
        ("db/migrations", "direct", 3),
        ("charts.ts", "direct", 5),
        ("ClientInitKey", "lexical", 4),
        ('"release process"', "lexical", 2),
        ("lost connection", "hybrid", 1),
        ("zzzzqq xyzzyx", "dense", None),
        ("charts.lazily", "lexical", 5),
        ("dropped/connection", "hybrid", 1),
        ("99", "dense", None),
        ("lost/charts/99", "hybrid", None),
    ):
        answer = searcher.search(query)
        assert answer.route == route, query
        assert answer.explanation[0].startswith("route")
        assert first is None or answer.results[0].pr_number == first, query


def test_what_can_mean_nothing_else_is_found_or_not(searcher: Searcher) -> None:
    for query in ("acme/ship#99999", "#99999", "https://github.com/acme/ship/pull/99999", "@nobody", "author: nobody"):
        answer = searcher.search(query)
        assert (answer.route, answer.results) == ("direct", []), query
        assert answer.note.startswith("the marts "), query
    assert numbers(searcher, "#1", filters=Filters(author="ken")) == []


def test_a_login_that_is_a_word_of_titles_is_searched_as_a_word(
    settings: Settings, warehouse: extensions.connection
) -> None:
    put(warehouse, [PullRequest(9, "Tidy up", author="dashboard"), PullRequest(10, "Tidy up", author="docs-2")])
    with searching(settings) as searcher:
        answer = searcher.search("dashboard", limit=1)
        assert (answer.route, answer.results[0].pr_number) == ("hybrid", 5)
        assert "write @dashboard" in answer.explanation[0]
        assert numbers(searcher, "@dashboard") == [9]
        assert numbers(searcher, "docs-2") == [10]


def test_a_bot_is_found_by_its_login(searcher: Searcher) -> None:
    for query in ("@dependabot", "dependabot", "dependabot[bot]", "author: Dependabot"):
        answer = searcher.search(query)
        assert (answer.route, [each.pr_number for each in answer.results]) == ("direct", [5]), query
    assert numbers(searcher, "charts", filters=Filters(author="dependabot")) == [5]


def test_quoted_words_are_all_there(settings: Settings, warehouse: extensions.connection) -> None:
    put(warehouse, [PullRequest(20, "Release the lock"), PullRequest(21, "Process", body="Then release it.")])
    with searching(settings) as searcher:
        assert set(numbers(searcher, '"release process"')) == {2, 21}
        assert {20, 2, 21} <= set(numbers(searcher, "release process"))
        answer = searcher.search('"release uploads"')
        assert answer.route == "hybrid" and answer.results and "Nothing has all" in answer.note


def test_a_search_says_that_its_words_were_not_found(searcher: Searcher) -> None:
    for query in ("zzzzqq xyzzyx", '"zzzzqq xyzzyx"'):
        assert "None of these words" in searcher.search(query).note
    assert searcher.search("lost connection").note == ""


def test_a_pull_requests_language_is_that_of_most_of_its_lines(
    settings: Settings, warehouse: extensions.connection
) -> None:
    many = [File(f"src/{number}.py", 50) for number in range(10)]
    put(warehouse, [PullRequest(30, "Add keys", files=[File("conf.yml", 100, "YAML"), *many])])
    with searching(settings) as searcher:
        for language, expected in (("python", [30]), ("yaml", [])):
            found = numbers(searcher, "add keys", filters=Filters(language=language))
            assert [number for number in found if number == 30] == expected, language


def test_a_path_is_found_wherever_it_stands(searcher: Searcher) -> None:
    for query in (
        "src/keys/package.py",
        "SRC/Keys/package.PY",
        "src\\keys\\package.py",
        "https://github.com/acme/ship/blob/main/src/keys/package.py",
        "./src/keys/package.py:12",
        "/src/keys/package.py",
        "package.py",
        "keys",
        "src/keys/",
    ):
        for kind in ("pr", "file"):
            assert 4 in numbers(searcher, query, kind=kind), (query, kind)
    assert numbers(searcher, "ocs/release.md") != [2]
    result = searcher.search("docs/keys.md").results[0]
    assert (result.pr_number, result.passage) == (4, "docs/keys.md")


def test_results_say_what_the_marts_say_now(settings: Settings, warehouse: extensions.connection) -> None:
    with searching(settings) as searcher:
        put(warehouse, [PullRequest(1, "Retry failed uploads", body="Edited since.", author="jane", risk_score=3.3)])
        remove(warehouse, [FLEET[1]])
        result = searcher.search("retry failed uploads").results[0]
        assert (result.pr_number, result.risk_score, result.passage) == (1, 3.3, "Retry failed uploads")
        assert result.url == "https://github.com/acme/ship/pull/1"
        assert result.merged_at == FLEET[0].merged_at
        # what has left the marts is not shown, even before the next sync
        assert 2 not in numbers(searcher, "document the release process")


def test_scores_fall_and_passages_match(searcher: Searcher) -> None:
    results = searcher.search("the migration is not reversible").results
    assert [result.score for result in results] == sorted((result.score for result in results), reverse=True)
    assert results[0].passage == "The migration is not reversible."
    assert {result.route for result in results} == {"hybrid"}


def test_scores_are_between_0_and_1(searcher: Searcher) -> None:
    for query, route in (("ClientInitKey", "lexical"), ("zzzzqq xyzzyx", "dense"), ("lost connection", "hybrid")):
        answer = searcher.search(query)
        scores = [result.score for result in answer.results]
        assert answer.route == route
        assert min(scores) >= 0 and 0.6 < max(scores) <= 1
    assert all(0 <= result.score <= 1 for result in searcher.similar("acme/ship", 1).results)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param(Filters(repo_name="ACME/web"), {5, 6}, id="repository in any case"),
        pytest.param(Filters(author="Jane"), {1, 3}, id="author in any case"),
        pytest.param(Filters(merged_since=date(2024, 1, 5)), {3, 5, 6}, id="since"),
        pytest.param(Filters(merged_since=date(1969, 12, 31)), {1, 2, 3, 5, 6}, id="since ever, without the open one"),
        pytest.param(Filters(merged_until=date(2024, 1, 4)), {1, 2}, id="until, without the open one"),
        pytest.param(Filters(merged_until=date.max), {1, 2, 3, 5, 6}, id="until the end of time"),
        pytest.param(Filters(author=""), set(), id="nobody"),
        pytest.param(Filters(merged_since=date(2024, 1, 4), merged_until=date(2024, 1, 5)), {2, 3}, id="from to"),
        pytest.param(Filters(high_risk=True), {3}, id="high risk"),
        pytest.param(Filters(feature=True), {1}, id="feature"),
        pytest.param(Filters(language="typescript"), {5, 6}, id="language"),
        pytest.param(Filters(repo_name="acme/none"), set(), id="unknown repository"),
        pytest.param(Filters(author='x" or "1" == "1'), set(), id="injection"),
    ],
)
def test_filters_narrow_both_legs(searcher: Searcher, filters: Filters, expected: set[int]) -> None:
    # merging is on the day after creation: number 1 on 2024-01-03
    for query in ("retry uploads release migration key charts загрузки", "@jane", "ClientInitKey"):
        found = set(numbers(searcher, query, filters=filters))
        assert found <= expected
    assert set(numbers(searcher, "retry uploads release migration key charts загрузки", filters=filters)) == expected


def test_files_are_found_by_what_they_are(searcher: Searcher) -> None:
    result = searcher.search("drop a column", kind="file").results[0]
    assert (result.file_path, result.risk_score) == ("db/migrations/0042_drop.sql", 1.0)
    assert numbers(searcher, "keys", kind="file", filters=Filters(language="markdown")) == [4, 2]
    assert numbers(searcher, "charts", kind="file", filters=Filters(high_risk=True)) == [3]
    folder = searcher.search("docs/", kind="file").results
    assert {each.file_path for each in folder} == {"docs/release.md", "docs/keys.md"}


def test_a_higher_limit_only_adds(settings: Settings, warehouse: extensions.connection) -> None:
    words = ("retry", "upload", "chart", "key", "release")
    pull_requests = [
        PullRequest(n, f"{words[n % 5]} {words[n % 3]}", body=f"{words[n % 4]} {n}", branch=words[n % 2])
        for n in range(10, 150)
    ]
    put(warehouse, pull_requests)
    with searching(settings) as searcher:
        many = numbers(searcher, "retry the chart of 17", limit=120)
        for limit in (10, 50, 51, 63, 99, 100, 101):
            assert numbers(searcher, "retry the chart of 17", limit=limit) == many[:limit], limit
    assert len(set(many)) == 120


def test_limit_is_kept(searcher: Searcher) -> None:
    assert len(numbers(searcher, "the", limit=3)) == 3
    assert len(numbers(searcher, "uploads and keys", limit=2)) == 2


def test_similar_leaves_itself_out(searcher: Searcher) -> None:
    answer = searcher.similar("ACME/ship", 1, limit=3)
    assert 1 not in {result.pr_number for result in answer.results}
    assert len(answer.results) == 3
    with pytest.raises(PlimsollError, match="acme/ship#99: the marts have no such pull request"):
        searcher.similar("acme/ship", 99)


def test_similar_shows_what_is_like_the_given_one(settings: Settings, warehouse: extensions.connection) -> None:
    put(
        warehouse,
        [
            PullRequest(11, "Make every nonce unique", body="A nonce came twice."),
            PullRequest(12, "Other keys", body="We ship this for number 11. The nonce is fresh."),
        ],
    )
    with searching(settings) as searcher:
        passages = {result.pr_number: result.passage for result in searcher.similar("acme/ship", 11).results}
    assert passages[12] == "The nonce is fresh."


AWKWARD = [
    'a "quoted" query', "it's", "'; drop table marts.repo_prs; --", '") or (1 == 1', "%s %d {x} {{y}}", "\\", '\\"',
    "a & b | !c <-> d:*", "SELECT * FROM x", "\x00", "\ud800", "🙂", "日本語", "עברית", "a" * 100_000, "?!", "and", "/",
    "@", "#", "https://", "$$", "`", "\n\n", "[bot]", "NEAR/3 (x)", "مرحبا", "e\u0301",
]  # fmt: skip


def test_no_query_crashes_or_injects(searcher: Searcher) -> None:
    for query in AWKWARD:
        for kind in ("pr", "file"):
            try:
                searcher.search(query, kind=kind)  # type: ignore[arg-type]
            except PlimsollError as error:
                assert "the query is empty" in str(error)
    assert numbers(searcher, "retry failed uploads")[0] == 1


def test_no_text_crashes_a_filter(searcher: Searcher) -> None:
    @given(st.text(max_size=30), st.text(max_size=30))
    @hypothesis_settings(max_examples=25, deadline=None, database=None)
    def no_crash(query: str, name: str) -> None:
        if query.replace("\x00", " ").strip():
            found = searcher.search(query, filters=Filters(author=name, language=name)).results
            assert not found or not name

    no_crash()


def test_search_before_the_first_sync_says_so(settings: Settings) -> None:
    with Searcher.open(settings) as opened, pytest.raises(PlimsollError, match="python -m embeddings sync"):
        opened.search("anything")


def test_a_collection_of_another_model_is_not_searched(settings: Settings, warehouse: extensions.connection) -> None:
    put(warehouse, FLEET)
    with Sidecar.open(settings, HashEncoder()) as sidecar:
        sidecar.sync()
    with Searcher.open(settings) as opened, pytest.raises(PlimsollError, match="was not embedded with wordllama"):
        opened.search("anything at all")


def test_a_search_outlives_a_restart_of_the_warehouse(settings: Settings) -> None:
    def end_all_others() -> None:
        with closing(connect(settings, autocommit=True)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "select pg_terminate_backend(pid, 10000) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )

    with searching(settings) as searcher:
        before = searcher.search("losing files when the connection drops").results
        for query in ("losing files when the connection drops", "#3", "@ana"):
            end_all_others()
            assert searcher.search(query).results
        end_all_others()
        assert searcher.similar("acme/ship", 1).results
        assert searcher.search("losing files when the connection drops").results == before


def test_results_meet_the_filters_as_the_marts_are_now(settings: Settings) -> None:
    query, feature = "losing files when the connection drops", Filters(feature=True)
    with searching(settings) as searcher, closing(connect(settings, autocommit=True)) as connection:
        assert numbers(searcher, query, filters=feature) == [1]
        cursor = connection.cursor()
        cursor.execute("update marts.repo_prs set is_feature = pr_number = 2")
        for kind in ("pr", "file"):
            assert set(numbers(searcher, query, kind=kind, filters=feature)) <= {2}
            assert set(numbers(searcher, "Повторять неудачные загрузки", kind=kind, filters=feature)) <= {2}
        assert {each.pr_number for each in searcher.similar("acme/ship", 3, filters=feature).results} <= {2}
        # what is behind those that have left moves up
        first, second, *others = numbers(searcher, query)
        cursor.execute("delete from marts.repo_prs where pr_number in %s", ((first, second),))
        assert numbers(searcher, query, limit=2) == others[:2]
        assert len(searcher.similar("acme/ship", others[0], limit=2).results) == 2


def test_a_search_without_the_tables_of_a_sync_says_so(settings: Settings) -> None:
    with searching(settings) as searcher, closing(connect(settings, autocommit=True)) as connection:
        connection.cursor().execute("drop schema search cascade")
        for query in ("losing files when the connection drops", "ClientInitKey"):
            with pytest.raises(PlimsollError, match="python -m embeddings sync"):
                searcher.search(query)


def test_an_author_may_be_named_as_on_github(searcher: Searcher) -> None:
    plain = numbers(searcher, "uploads and tables", filters=Filters(author="jane"))
    assert numbers(searcher, "uploads and tables", filters=Filters(author="@Jane")) == plain != []


def test_a_search_for_nothing_is_refused(searcher: Searcher) -> None:
    with pytest.raises(PlimsollError, match="kind 'files'. Ask for pr or file"):
        searcher.search("uploads", kind="files")  # type: ignore[arg-type]
    for query in ("uploads", "#3"):
        with pytest.raises(PlimsollError, match="the limit is 0"):
            searcher.search(query, limit=0)


def test_a_search_that_stays_open_follows_the_alias(settings: Settings) -> None:
    with searching(settings) as searcher, closing(connect(settings)) as reader, closing(connect(settings)) as writer:
        sidecar = Sidecar(searcher.store, StaticEncoder(), reader, writer)
        kinds: list[tuple[str, Kind]] = [("pr_index", "pr"), ("file_changes", "file")]
        for alias, kind in kinds:
            before = searcher.search("losing files when the connection drops", kind=kind).results
            sidecar.sync(alias, full_refresh=True)
            assert searcher.search("losing files when the connection drops", kind=kind).results == before
        alike = searcher.similar("acme/ship", 1).results
        sidecar.sync(full_refresh=True)
        assert searcher.similar("acme/ship", 1).results == alike


def test_a_search_serves_several_threads_and_a_process_opens_one(settings: Settings) -> None:
    with searching(settings) as searcher:
        alone = searcher.search("losing files when the connection drops").results
        # the file of Milvus Lite is the first one's
        with Searcher.open(settings) as second, pytest.raises(PlimsollError, match=r"this process has .*one Searcher"):
            second.search("losing files when the connection drops")
    with Searcher.open(settings) as fresh, ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(fresh.search, "losing files when the connection drops") for _ in range(16)]
        assert all(each.result().results == alone for each in asked)
