"""The collections against the marts' contracts and the data contract."""

import pytest

from embeddings.collections import COLLECTIONS, FILE_CHANGES, PR_INDEX, Collection, milvus_schema
from embeddings.store import index_of
from tests.embeddings.marts import contract

# what each kind of field may hold, by the contract's types; times are kept as seconds, labels as their names
TYPES = {
    "text": {"text"},
    "integer": {"integer", "bigint", "timestamptz", "timestamp with time zone"},
    # a file's risk is whole
    "double": {"double precision", "integer"},
    "boolean": {"boolean"},
    "texts": {"jsonb"},
}
PROMISED = (
    "id", "vector", "repo_name", "pr_number", "title", "author", "created_at", "merged_at", "is_merged", "risk_score",
    "high_risk", "is_feature", "labels", "file_path", "language", "lines_changed", "text", "content_sha256",
    "embedding_model", "embedded_at",
)  # fmt: skip


@pytest.mark.parametrize("collection", COLLECTIONS.values(), ids=COLLECTIONS)
def test_every_field_of_the_marts_is_in_their_contracts(collection: Collection) -> None:
    for field in collection.fields:
        if field.source:
            mart, column = field.source.split(".")
            assert contract(mart)[column] in TYPES[field.kind], field.source


@pytest.mark.parametrize("collection", COLLECTIONS.values(), ids=COLLECTIONS)
def test_every_promised_field_is_there(collection: Collection) -> None:
    assert set(PROMISED) <= {field.name for field in collection.fields}


def test_the_schema_has_a_text_key_and_a_vector() -> None:
    schema = milvus_schema(PR_INDEX, 16)
    assert schema.primary_field.name == "id"
    assert [field.params["dim"] for field in schema.fields if field.name == "vector"] == [16]
    assert not schema.auto_id


def test_models_never_share_a_collection() -> None:
    names = {collection.base_name(*model) for collection in (PR_INDEX, FILE_CHANGES) for model in (("a", 8), ("b", 8))}
    assert len({*names, PR_INDEX.base_name("a", 16)}) == 5
    name = PR_INDEX.base_name("text-embedding-3-small", 1536)
    assert name == "pr_index_text_embedding_3_small_1536_v1"
    assert PR_INDEX.is_of(f"{name}_17322400", "text-embedding-3-small", 1536)
    assert not PR_INDEX.is_of(f"{name}0_17322400", "text-embedding-3-small", 1536)
    assert PR_INDEX.is_of(f"{name}_17322400", "text-embedding-3-small", None)
    assert not PR_INDEX.is_of(f"{name}_17322400", "text-embedding", None)


@pytest.mark.parametrize(
    ("uri", "index"),
    [
        ("/home/ann/.plimsoll/milvus.db", "FLAT"),
        ("http://milvus.internal:19530", "HNSW"),
        ("https://in03-0a1b2c3d4e5f.serverless.gcp-us-west1.cloud.zilliz.com", "AUTOINDEX"),
        ("https://in01-0a1b2c3d4e5f.aws-us-west-2.vectordb.zillizcloud.com:19536", "AUTOINDEX"),
        ("https://notzillizcloud.com", "HNSW"),
    ],
)
def test_the_index_over_vectors_is_one_that_the_place_has(uri: str, index: str) -> None:
    assert index_of(uri) == index
