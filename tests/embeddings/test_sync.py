"""Sync is exact: it embeds what changed, deletes what left, and touches nothing else."""

from contextlib import closing
from typing import Any

import pytest
from psycopg2 import extensions

from embeddings import ledger as ledgers
from embeddings.changes import Changes
from embeddings.collections import COLLECTIONS, PR_INDEX, milvus_schema
from embeddings.ledger import only_one
from embeddings.lexical import Condition, LexicalIndex
from embeddings.status import status
from embeddings.sync import CollectionSync, total_documents
from embeddings.words import terms
from tests.embeddings.conftest import HashEncoder
from tests.embeddings.marts import File, PullRequest, put, remove
from tests.embeddings.openai_double import DIMENSION
from tests.embeddings.syncing import Sidecar
from warehouse.errors import PlimsollError
from warehouse.postgres import connect
from warehouse.settings import Settings


def made_up(count: int = 10, repo_name: str = "acme/ship") -> list[PullRequest]:
    return [
        PullRequest(number, f"Change number {number}", repo_name, body=f"It says {number}.", branch=f"fix-{number}")
        for number in range(1, count + 1)
    ]


def lexical_ids(connection: extensions.connection, alias: str = "pr_index") -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"select id from search.{alias}_documents")
        found = {row[0] for row in cursor.fetchall()}
        cursor.execute(
            f"select count(*) from search.{alias}_postings "
            f"left join search.{alias}_documents using (document) where id is null"
        )
        assert cursor.fetchall() == [(0,)]
    connection.rollback()
    return found


def test_sync_embeds_every_pull_request_and_file(sidecar: Sidecar, warehouse: extensions.connection) -> None:
    put(warehouse, made_up())
    assert sidecar.sync().embedded == 10
    assert sidecar.sync("file_changes").embedded == 10
    assert set(sidecar.entities()) == {f"acme/ship#{number}" for number in range(1, 11)}
    assert "acme/ship#3:src/thing.py" in sidecar.entities("file_changes")
    assert lexical_ids(warehouse) == set(sidecar.entities())


def test_second_sync_makes_no_call_and_no_write(
    sidecar: Sidecar, warehouse: extensions.connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(warehouse, made_up())
    sidecar.sync()
    before = sidecar.entities()
    asked: list[str] = []
    call = sidecar.store._call

    def noted(method: str, *arguments: Any, **options: Any) -> Any:
        asked.append(method)
        return call(method, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(sidecar.store, "_call", noted)
        report = sidecar.sync()
    assert set(asked) == {"has_collection", "list_indexes", "list_collections", "get_collection_stats"}
    assert (report.documents, report.embedded, report.rewritten, report.deleted, report.calls) == (10, 0, 0, 0, 0)
    assert sidecar.entities() == before


def test_what_is_unchanged_stays_in_postgres(sidecar: Sidecar, warehouse: extensions.connection) -> None:
    put(warehouse, made_up())
    for alias, collection in COLLECTIONS.items():
        name = sidecar.sync(alias).name
        changes = Changes(warehouse, collection, name)
        assert (changes.count_by_repository(["acme/ship"]), changes.gone(["acme/ship"])) == ({}, [])
        assert list(changes.read(["acme/ship"])) == []
        warehouse.commit()


def test_a_change_that_does_not_matter_is_looked_at_once(sidecar: Sidecar, warehouse: extensions.connection) -> None:
    pull_requests = made_up()
    put(warehouse, pull_requests)
    name = sidecar.sync().name
    before = sidecar.entities()
    pull_requests[3].body = "It says <!-- a remark for those who write --> 4."
    put(warehouse, pull_requests)
    changes = Changes(warehouse, PR_INDEX, name)
    assert [change.document.id for change in changes.read(["acme/ship"])] == ["acme/ship#4"]
    warehouse.commit()
    report = sidecar.sync()
    assert (report.embedded, report.rewritten, report.calls) == (0, 0, 0)
    assert sidecar.entities() == before
    assert changes.count_by_repository(["acme/ship"]) == {}


def test_the_lexical_index_is_filled_again_without_embedding(
    sidecar: Sidecar, warehouse: extensions.connection
) -> None:
    put(warehouse, made_up())
    sidecar.sync()
    LexicalIndex(warehouse, PR_INDEX).remove(["acme/ship#2", "acme/ship#5"])
    warehouse.commit()
    assert next(each for each in status(sidecar.store, warehouse) if each.collection == "pr_index").has_drift
    assert (sidecar.sync().calls, len(lexical_ids(warehouse))) == (0, 10)


def test_changed_text_is_embedded_again_and_nothing_else(
    sidecar: Sidecar, warehouse: extensions.connection, encoder: HashEncoder
) -> None:
    put(warehouse, made_up())
    sidecar.sync()
    before = sidecar.entities()
    encoder.texts.clear()
    put(warehouse, [PullRequest(4, "Something else", body="New words.")])
    assert sidecar.sync().embedded == 1
    assert encoder.texts == ["Something else", "Something else\nNew words."]
    after = sidecar.entities()
    assert after["acme/ship#4"]["vector"] != before["acme/ship#4"]["vector"]
    assert {id for id in after if after[id] != before[id]} == {"acme/ship#4"}


def test_changed_field_is_written_with_the_vector_it_had(
    sidecar: Sidecar, warehouse: extensions.connection, encoder: HashEncoder
) -> None:
    pull_requests = made_up()
    put(warehouse, pull_requests)
    sidecar.sync()
    before = sidecar.entities()["acme/ship#4"]
    pull_requests[3].risk_score, pull_requests[3].high_risk = 9.0, True
    put(warehouse, pull_requests)
    calls = encoder.usage.calls
    report = sidecar.sync()
    assert (report.embedded, report.rewritten, encoder.usage.calls) == (0, 1, calls)
    after = sidecar.entities()["acme/ship#4"]
    assert (after["risk_score"], after["high_risk"]) == (9.0, True)
    assert (after["vector"], after["embedded_at"]) == (before["vector"], before["embedded_at"])


def test_changed_labels_and_paths_are_found_without_embedding(
    sidecar: Sidecar, warehouse: extensions.connection, encoder: HashEncoder
) -> None:
    pull_requests = made_up()
    put(warehouse, pull_requests)
    sidecar.sync()
    before, calls = sidecar.entities()["acme/ship#4"], encoder.usage.calls
    pull_requests[3].labels, pull_requests[3].files = ["needs-harbour"], [File("quay/crane.py", 9)]
    put(warehouse, pull_requests)
    report = sidecar.sync()
    assert (report.embedded, report.rewritten, encoder.usage.calls) == (0, 1, calls)
    after = sidecar.entities()["acme/ship#4"]
    assert (after["labels"], after["vector"]) == (["needs-harbour"], before["vector"])
    assert "needs-harbour" in after["text"] and "quay/crane.py" in after["text"]
    for words in ("harbour", "crane"):
        found = LexicalIndex(warehouse, PR_INDEX).search(terms(words), Condition(), 10)
        assert [id for id, _ in found] == ["acme/ship#4"]


def test_what_leaves_the_marts_is_deleted(sidecar: Sidecar, warehouse: extensions.connection) -> None:
    pull_requests = made_up() + made_up(3, "acme/gone")
    put(warehouse, pull_requests)
    sidecar.sync()
    remove(warehouse, [pull_requests[0], *pull_requests[10:]])
    assert sidecar.sync().deleted == 4
    assert set(sidecar.entities()) == {f"acme/ship#{number}" for number in range(2, 11)} == lexical_ids(warehouse)


AWKWARD_PATHS = (
    "src/it's.py", "src/back\\slash\\", 'src/"quoted".py', "x'] or id not in ['", 'x"] or id not in ["',
    "src/größe 文 🙂.py", "src/tab\there.py", "src/line\nbreak\r.py", "src/bell\x07.py", "src/{brace}%s.py",
)  # fmt: skip


def test_any_path_is_embedded_written_again_and_deleted_alone(
    sidecar: Sidecar, warehouse: extensions.connection, encoder: HashEncoder
) -> None:
    pull_request = PullRequest(1, files=[File(path) for path in ("plain.py", *AWKWARD_PATHS)])
    ids = {f"acme/ship#1:{file.path}" for file in pull_request.files}
    put(warehouse, [pull_request])
    assert sidecar.sync("file_changes").embedded == len(ids)
    assert set(sidecar.entities("file_changes")) == ids
    for file in pull_request.files:
        file.risk = 9.0
    put(warehouse, [pull_request])
    calls = encoder.usage.calls
    report = sidecar.sync("file_changes")
    assert (report.rewritten, report.embedded, encoder.usage.calls) == (len(ids), 0, calls)
    assert {entity["risk_score"] for entity in sidecar.entities("file_changes").values()} == {9.0}
    while len(pull_request.files) > 1:
        ids.remove(f"acme/ship#1:{pull_request.files.pop().path}")
        put(warehouse, [pull_request])
        assert sidecar.sync("file_changes").deleted == 1
        assert set(sidecar.entities("file_changes")) == ids


def test_a_renamed_repository_is_not_embedded_again(
    sidecar: Sidecar, warehouse: extensions.connection, encoder: HashEncoder
) -> None:
    put(warehouse, made_up(6))
    before = [(sidecar.sync(alias), sidecar.entities(alias)) for alias in COLLECTIONS]
    remove(warehouse, made_up(6))
    # one was edited meanwhile
    put(warehouse, [*made_up(6, "acme/fleet")[:5], PullRequest(6, "Another title", "acme/fleet")])
    encoder.texts.clear()
    for alias, (report, entities) in zip(COLLECTIONS, before, strict=True):
        one = CollectionSync(COLLECTIONS[alias], sidecar.store, encoder, sidecar.reader, sidecar.writer)
        assert (one.estimate().embed, report.embedded) == (1, 6)
        report = one.run()
        assert (report.embedded, report.rewritten, report.deleted) == (1, 5, 6)
        after = sidecar.entities(alias)
        assert {entity["repo_name"] for entity in after.values()} == {"acme/fleet"}
        for id, entity in entities.items():
            same = after[id.replace("acme/ship", "acme/fleet")]
            assert (same["vector"] == entity["vector"]) == (entity["pr_number"] != 6)
    assert all("Change number" not in text for text in encoder.texts)
    assert not any(each.has_drift for each in status(sidecar.store, warehouse))


def test_one_repository_is_synced_alone(sidecar: Sidecar, warehouse: extensions.connection) -> None:
    put(warehouse, made_up(2) + made_up(2, "acme/other"))
    sidecar.sync()
    put(warehouse, made_up(3) + made_up(3, "acme/other"))
    assert sidecar.sync(repository="ACME/Other").embedded == 1
    assert set(sidecar.entities()) >= {"acme/other#3"}
    assert "acme/ship#3" not in sidecar.entities()


def test_a_repository_without_file_changes_is_synced_alone(sidecar: Sidecar, warehouse: extensions.connection) -> None:
    put(warehouse, [PullRequest(1, files=[]), PullRequest(2, repo_name="acme/web", files=[File("a.py", 1)])])
    for alias in ("pr_index", "file_changes"):
        sidecar.sync(alias)
        assert sidecar.sync(alias, repository="acme/ship").documents == (alias == "pr_index")
    before = sidecar.store.collections()
    for options in ({}, {"full_refresh": True}):
        with pytest.raises(PlimsollError, match="the marts have no such repository"):
            sidecar.sync("file_changes", repository="acme/none", **options)
    assert sidecar.store.collections() == before


def test_files_whose_pull_request_the_marts_lack_are_no_drift(
    sidecar: Sidecar, warehouse: extensions.connection
) -> None:
    put(warehouse, [PullRequest(number, files=[File("a.py", 1)]) for number in (1, 2)])
    sidecar.sync("file_changes")
    # one mart was built, the other was not
    with warehouse.cursor() as cursor:
        cursor.execute("delete from marts.repo_prs where pr_number = 1")
    warehouse.commit()
    for options, deleted in (({}, 1), ({"full_refresh": True}, 0)):
        assert sidecar.sync("file_changes", **options).deleted == deleted
        assert list(sidecar.entities("file_changes")) == ["acme/ship#2:a.py"]
        [_, found] = status(sidecar.store, warehouse, (sidecar.encoder.model, None))
        assert not found.has_drift
        warehouse.commit()


def test_unknown_repository_is_named(sidecar: Sidecar, warehouse: extensions.connection) -> None:
    put(warehouse, made_up(1))
    with pytest.raises(PlimsollError, match=r"acme/none: the marts have no such repository"):
        sidecar.sync(repository="acme/none")


def test_every_field_says_what_the_marts_say(sidecar: Sidecar, warehouse: extensions.connection) -> None:
    pull_request = PullRequest(
        7,
        'A "quoted" title',
        body="Why, and how.",
        author="dependabot[bot]",
        labels=("bug", "ui"),
        files=[File("a/small.md", 1, "Markdown"), File("b/große.py", 20)],
        is_merged=False,
        risk_score=8.5,
        high_risk=True,
        is_feature=True,
    )
    put(warehouse, [pull_request])
    sidecar.sync()
    sidecar.sync("file_changes")
    entity = sidecar.entities()["acme/ship#7"]
    expected = {
        "repo_name": "acme/ship", "pr_number": 7, "title": 'A "quoted" title', "author": "dependabot[bot]",
        "created_at": int(pull_request.created_at.timestamp()), "merged_at": 0, "is_merged": False, "risk_score": 8.5,
        "high_risk": True, "is_feature": True, "labels": ["bug", "ui"], "file_path": "b/große.py", "language": "Python",
        "lines_changed": 21, "embedding_model": "hash",
    }  # fmt: skip
    assert {name: entity[name] for name in expected} == expected
    assert entity["text"].startswith('A "quoted" title\nWhy, and how.')
    assert entity["embedded_at"] > 1_700_000_000
    file = sidecar.entities("file_changes")["acme/ship#7:b/große.py"]
    assert (file["lines_changed"], file["language"], file["risk_score"]) == (20, "Python", 1.0)


def test_a_refused_document_is_set_aside_until_it_changes(
    sidecar: Sidecar, warehouse: extensions.connection, encoder: HashEncoder
) -> None:
    pull_requests = made_up(6)
    put(warehouse, pull_requests)
    sidecar.sync()
    encoder.refuses = ["poison"]
    pull_requests[2].title = "poison"
    put(warehouse, pull_requests)
    report = sidecar.sync()
    assert (report.refused, report.embedded) == (1, 0)
    # its vector was of an earlier text: it must not be found by it any more
    assert "acme/ship#3" not in sidecar.entities()
    assert sidecar.sync().calls == 0
    pull_requests[2].title = "medicine"
    put(warehouse, pull_requests)
    assert sidecar.sync().embedded == 1
    assert "acme/ship#3" in sidecar.entities()


def test_search_never_sees_a_half_filled_collection(
    sidecar: Sidecar, warehouse: extensions.connection, encoder: HashEncoder
) -> None:
    put(warehouse, made_up(12))
    sidecar.sync()
    old = sidecar.store.alias_target("pr_index")
    seen = []

    class Watching(HashEncoder):
        def encode(self, texts):  # type: ignore[no-untyped-def]
            seen.append((sidecar.store.alias_target("pr_index"), len(sidecar.entities())))
            return super().encode(texts)

    report = sidecar.sync(encoder=Watching("hash-2", 24))
    assert report.embedded == 12
    assert set(seen) == {(old, 12)}
    new = sidecar.store.alias_target("pr_index")
    assert new != old
    assert sidecar.store.collections() == [new]
    assert {len(entity["vector"]) for entity in sidecar.entities().values()} == {24}


def test_an_interrupted_change_of_model_leaves_the_old_one_in_use(
    sidecar: Sidecar, warehouse: extensions.connection
) -> None:
    put(warehouse, made_up(12))
    sidecar.sync()
    old = sidecar.store.alias_target("pr_index")

    class Failing(HashEncoder):
        def encode(self, texts):  # type: ignore[no-untyped-def]
            if self.usage.calls == 2:
                raise PlimsollError("the model has gone away")
            return super().encode(texts)

    with pytest.raises(PlimsollError, match="gone away"):
        sidecar.sync(encoder=Failing("hash-2"))
    assert sidecar.store.alias_target("pr_index") == old
    assert len(sidecar.entities()) == 12
    sidecar.writer.rollback()
    second = HashEncoder("hash-2")
    # two batches of four were done before it failed
    assert sidecar.sync(encoder=second).embedded == 4
    assert len(sidecar.entities()) == 12


def test_full_refresh_embeds_everything_into_a_new_collection(
    sidecar: Sidecar, warehouse: extensions.connection
) -> None:
    put(warehouse, made_up(5))
    sidecar.sync()
    old = sidecar.store.alias_target("pr_index")
    assert sidecar.sync(full_refresh=True).embedded == 5
    assert sidecar.store.alias_target("pr_index") != old
    assert len(sidecar.entities()) == 5
    assert sidecar.sync().embedded == 0


@pytest.mark.parametrize("lost", ["entities", "ledger"])
def test_sync_heals_what_was_lost_on_one_side(sidecar: Sidecar, warehouse: extensions.connection, lost: str) -> None:
    put(warehouse, made_up(8))
    sidecar.sync()
    name = sidecar.store.alias_target("pr_index")
    assert name is not None
    if lost == "entities":
        sidecar.store.delete(name, ["acme/ship#2", "acme/ship#5"])
    else:
        with warehouse.cursor() as cursor:
            cursor.execute("delete from search.entities")
        warehouse.commit()
    assert sidecar.sync().embedded == (2 if lost == "entities" else 0)
    assert len(sidecar.entities()) == 8


def test_a_collection_left_without_its_index_gets_one(sidecar: Sidecar, warehouse: extensions.connection) -> None:
    put(warehouse, made_up(3))
    model, dimension = sidecar.encoder.model, sidecar.encoder.dimension
    name = f"{PR_INDEX.base_name(model, dimension)}_0badcafe"
    ledgers.prepare(warehouse)
    ledgers.record_collection(warehouse, PR_INDEX, name, model, dimension)
    warehouse.commit()
    # what a kill leaves between the two steps in which Milvus makes a collection
    sidecar.store._call("create_collection", name, schema=milvus_schema(PR_INDEX, dimension))
    assert sidecar.sync().name == name
    assert sidecar.store._call("list_indexes", name) == ["vector"]
    assert len(sidecar.entities()) == 3


def test_two_milvuses_never_answer_for_each_other(
    sidecar: Sidecar, warehouse: extensions.connection, settings: Settings
) -> None:
    put(warehouse, made_up(4))
    sidecar.sync()
    with Sidecar.open(
        settings.model_copy(update={"milvus_url": f"{settings.milvus_url}.2.db"}), HashEncoder()
    ) as other:
        estimate = CollectionSync(PR_INDEX, other.store, other.encoder, other.reader, other.writer).estimate()
        assert (estimate.documents, estimate.embed) == (4, 4)
        found = status(other.store, warehouse)[0]
        assert (found.has_drift, found.model, found.last_sync) == (True, None, None)
        assert other.sync().embedded == 4
        put(warehouse, [PullRequest(2, "Another title")])
        assert other.sync().embedded == 1
    found = status(sidecar.store, warehouse)[0]
    assert (found.has_drift, found.repositories[0].changed) == (True, 1)
    assert sidecar.sync().embedded == 1
    assert sidecar.entities()["acme/ship#2"]["title"] == "Another title"


def test_collections_of_others_are_left_alone(
    sidecar: Sidecar, warehouse: extensions.connection, caplog: pytest.LogCaptureFixture
) -> None:
    put(warehouse, made_up(4))
    # another warehouse in the same Milvus, with other pull requests and the same model and alias
    theirs = f"{PR_INDEX.base_name(sidecar.encoder.model, sidecar.encoder.dimension)}_deadbeef"
    sidecar.store.create(PR_INDEX, theirs, sidecar.encoder.dimension)
    sidecar.store.switch_alias("pr_index", theirs)
    sidecar.store.create(PR_INDEX, "file_changes_of_mine", 8)
    entity = {field.name: "x" for field in PR_INDEX.fields if field.kind == "text"}
    entity |= {field.name: 0 for field in PR_INDEX.fields if field.kind in ("integer", "double")}
    entity |= {field.name: False for field in PR_INDEX.fields if field.kind == "boolean"}
    sidecar.store.upsert(theirs, [{**entity, "labels": [], "vector": [1.0] * sidecar.encoder.dimension}])
    for alias in COLLECTIONS:
        sidecar.sync(alias)
    sidecar.sync(full_refresh=True)
    assert f"pr_index led to {theirs}, which this warehouse has not made" in caplog.text
    assert sidecar.store.count(theirs) == 1
    assert {theirs, "file_changes_of_mine"} < set(sidecar.store.collections())
    assert len(sidecar.store.collections()) == 4
    # when they have taken the alias back, ours is still known
    sidecar.store.switch_alias("pr_index", theirs)
    assert (sidecar.sync().embedded, len(sidecar.entities())) == (0, 4)


def test_what_is_known_of_lost_collections_does_not_pile_up(
    sidecar: Sidecar, warehouse: extensions.connection, settings: Settings
) -> None:
    def known() -> tuple[int, int]:
        with warehouse.cursor() as cursor:
            cursor.execute("select (select count(*) from search.collections), (select count(*) from search.entities)")
            row = cursor.fetchone()
        warehouse.commit()
        assert row
        return row

    put(warehouse, made_up(3))
    with Sidecar.open(
        settings.model_copy(update={"milvus_url": f"{settings.milvus_url}.2.db"}), HashEncoder()
    ) as other:
        other.sync()
    sidecar.sync()
    assert known() == (2, 6)
    with warehouse.cursor() as cursor:
        cursor.execute("update search.collections set created_at = created_at - interval '100 days'")
        warehouse.commit()
        sidecar.sync()
        # it may be in use in the other Milvus: it was synced
        assert known() == (2, 6)
        cursor.execute("update search.syncs set finished_at = finished_at - interval '100 days'")
    warehouse.commit()
    sidecar.sync()
    assert known() == (1, 3)


def test_status_tells_drift(sidecar: Sidecar, warehouse: extensions.connection) -> None:
    pull_requests = made_up(4)
    put(warehouse, pull_requests)
    for alias in COLLECTIONS:
        sidecar.sync(alias)
    assert not any(each.has_drift for each in status(sidecar.store, warehouse))
    pull_requests[1].title = "Another title"
    put(warehouse, [*pull_requests, PullRequest(5)])
    found = {each.collection: each.repositories[0] for each in status(sidecar.store, warehouse)}
    assert (found["pr_index"].documents, found["pr_index"].entities, found["pr_index"].changed) == (5, 4, 1)
    assert found["pr_index"].has_drift


def test_status_tells_of_entities_that_nobody_knows(sidecar: Sidecar, warehouse: extensions.connection) -> None:
    put(warehouse, made_up(3))
    name = sidecar.sync().name
    stray = sidecar.entities()["acme/ship#1"] | {"id": "gone/repo#1", "repo_name": "gone/repo"}
    sidecar.store.upsert(name, [stray])
    found = status(sidecar.store, warehouse)[0]
    assert [(each.repo_name, each.documents, each.entities) for each in found.repositories] == [
        ("acme/ship", 3, 3), ("gone/repo", 0, 1),
    ]  # fmt: skip
    assert found.has_drift
    assert sidecar.sync().deleted == 1
    assert not status(sidecar.store, warehouse)[0].has_drift


def test_models_whose_names_differ_in_case_are_two(sidecar: Sidecar, warehouse: extensions.connection) -> None:
    put(warehouse, made_up(3))
    sidecar.sync(encoder=HashEncoder("BGE-M3"))
    for model, next_model in (("BGE-M3", None), ("bge-m3", "bge-m3")):
        assert status(sidecar.store, warehouse, (model, DIMENSION))[0].next_model == next_model
    assert sidecar.sync(encoder=HashEncoder("bge-m3")).embedded == 3


@pytest.mark.parametrize("alias", COLLECTIONS)
def test_status_tells_drift_where_as_many_came_as_went(
    sidecar: Sidecar, warehouse: extensions.connection, alias: str
) -> None:
    put(warehouse, made_up(4))
    for each in COLLECTIONS:
        sidecar.sync(each)
    remove(warehouse, made_up(1))
    put(warehouse, [PullRequest(5)])
    found = {each.collection: each.repositories[0] for each in status(sidecar.store, warehouse)}[alias]
    assert (found.documents, found.entities, found.new, found.changed, found.gone) == (4, 4, 1, 0, 1)
    assert found.has_drift
    sidecar.sync(alias)
    found = {each.collection: each.repositories[0] for each in status(sidecar.store, warehouse)}[alias]
    assert (found.new, found.gone, found.has_drift) == (0, 0, False)


def test_dbt_can_replace_the_marts_while_a_sync_embeds(
    sidecar: Sidecar, warehouse: extensions.connection, settings: Settings
) -> None:
    replaced = []

    class Rebuilding(HashEncoder):
        def encode(self, texts):  # type: ignore[no-untyped-def]
            with closing(connect(settings)) as dbt, dbt.cursor() as cursor:
                cursor.execute("set lock_timeout = '2s'")
                cursor.execute("alter table marts.repo_prs rename to repo_prs_old")
                cursor.execute("alter table marts.repo_prs_old rename to repo_prs")
                cursor.execute("alter table staging.stg_github__pull_requests add column if not exists more text")
                dbt.commit()
            replaced.append(texts)
            return super().encode(texts)

    put(warehouse, made_up(5) + made_up(5, "acme/other"))
    # as the command line does first, for its progress bar
    assert total_documents(sidecar.reader, [PR_INDEX], None) == 10
    assert sidecar.sync(encoder=Rebuilding()).embedded == 10
    assert len(replaced) == 4


def test_a_second_sync_at_the_same_time_is_refused(settings: Settings) -> None:
    def attempt(connection: extensions.connection) -> str:
        with only_one(connection, "embeddings sync"):
            return "synced"

    with closing(connect(settings)) as first, closing(connect(settings)) as second:
        with (
            only_one(first, "embeddings sync"),
            pytest.raises(PlimsollError, match="another embeddings sync is running"),
        ):
            attempt(second)
        assert attempt(second) == "synced"


def test_estimate_counts_without_embedding(
    sidecar: Sidecar, warehouse: extensions.connection, encoder: HashEncoder
) -> None:
    put(warehouse, made_up(6))
    one = CollectionSync(PR_INDEX, sidecar.store, encoder, sidecar.reader, sidecar.writer)
    assert one.estimate().embed == 6
    assert encoder.texts == []
    sidecar.sync()
    assert one.estimate().embed == 0
    assert one.estimate(full_refresh=True).embed == 6


@pytest.mark.parametrize("change", ["nothing", "full refresh", "model"])
def test_estimate_of_one_repository_is_what_the_sync_of_it_embeds(
    sidecar: Sidecar, warehouse: extensions.connection, change: str
) -> None:
    put(warehouse, made_up(3) + made_up(2, "acme/other"))
    sidecar.sync()
    put(warehouse, [PullRequest(1, "Another title", "acme/other")])
    encoder = HashEncoder("hash-2") if change == "model" else HashEncoder()
    one = CollectionSync(PR_INDEX, sidecar.store, encoder, sidecar.reader, sidecar.writer)
    options = {"full_refresh": change == "full refresh"}
    estimate = one.estimate("ACME/Other", **options)
    assert (estimate.documents, estimate.embed) == ((2, 1) if change == "nothing" else (5, 5))
    report = one.run("ACME/Other", **options)
    assert (report.documents, report.embedded) == (estimate.documents, estimate.embed)
