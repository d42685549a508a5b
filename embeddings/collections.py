"""The collections, declared as data.

`pr_index` and `file_changes` are aliases. Behind each stands a collection that is named after the model and its
dimension, so that vectors of different models never meet and a new model is filled beside the one in use. What follows
in its name is chance, so that no two collections share a name, in however many Milvuses they are.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pymilvus import CollectionSchema

FieldType = Literal["text", "texts", "integer", "double", "boolean", "vector"]
# part of every collection's name: a change of the fields below makes new collections
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Field:
    """One field of an entity.

    Attributes:
        kind: its type.
        source: the column of the marts that it holds; empty for what the embeddings add themselves.
        max_bytes: for text, the longest value in bytes of UTF-8.
    """

    name: str
    kind: FieldType
    source: str = ""
    max_bytes: int = 0


@dataclass(frozen=True)
class Collection:
    """One collection.

    Attributes:
        alias: the name that searches use.
        mart: the table that its rows come from, one entity a row.
        fields: the fields, primary key first.
    """

    alias: str
    mart: str
    fields: tuple[Field, ...]

    def base_name(self, model: str, dimension: int) -> str:
        """How the names of the collections of this model and dimension begin."""
        slug = re.sub(r"[^a-z0-9]+", "_", model.lower()).strip("_")
        return f"{self.alias}_{slug}_{dimension}_v{SCHEMA_VERSION}"

    def is_of(self, name: str, model: str, dimension: int | None) -> bool:
        """Whether a collection's vectors are of this model and dimension; None for any."""
        if dimension is None:
            return any(self.is_of(name, model, int(number)) for number in re.findall(r"_(\d+)(?=_)", name))
        return name.startswith(f"{self.base_name(model, dimension)}_")


def _fields(mart: str, path: str, language: str, lines: str, risk: str) -> tuple[Field, ...]:
    return (
        Field("id", "text", max_bytes=8192),
        Field("vector", "vector"),
        Field("repo_name", "text", f"{mart}.repo_name", max_bytes=512),
        Field("pr_number", "integer", f"{mart}.pr_number"),
        Field("title", "text", "repo_prs.title", max_bytes=2048),
        Field("author", "text", f"{mart}.author", max_bytes=256),
        Field("created_at", "integer", f"{mart}.created_at"),
        Field("merged_at", "integer", f"{mart}.merged_at"),
        Field("is_merged", "boolean", "repo_prs.is_merged"),
        Field("risk_score", "double", risk),
        Field("high_risk", "boolean", "repo_prs.high_risk"),
        Field("is_feature", "boolean", "repo_prs.is_feature"),
        Field("labels", "texts", "repo_prs.labels_full", max_bytes=512),
        Field("file_path", "text", path, max_bytes=4096),
        Field("language", "text", language, max_bytes=128),
        Field("lines_changed", "integer", lines),
        Field("text", "text", max_bytes=16_384),
        Field("content_sha256", "text", max_bytes=64),
        Field("record_sha256", "text", max_bytes=64),
        Field("embedding_model", "text", max_bytes=256),
        Field("embedded_at", "integer"),
    )


PR_INDEX = Collection(
    alias="pr_index",
    mart="repo_prs",
    # the file with the most changed lines, the language of most of them; additions + deletions
    fields=_fields(
        "repo_prs", "file_changes.file_path", "file_changes.language", "repo_prs.additions", "repo_prs.risk_score"
    ),
)
FILE_CHANGES = Collection(
    alias="file_changes",
    mart="file_changes",
    fields=_fields(
        "file_changes",
        "file_changes.file_path",
        "file_changes.language",
        "file_changes.lines_changed",
        "file_changes.risk",
    ),
)
COLLECTIONS: dict[str, Collection] = {collection.alias: collection for collection in (PR_INDEX, FILE_CHANGES)}


def milvus_schema(collection: Collection, dimension: int) -> "CollectionSchema":
    """The collection's schema for pymilvus."""
    from pymilvus import DataType, MilvusClient

    types: dict[FieldType, Any] = {
        "text": DataType.VARCHAR,
        "texts": DataType.ARRAY,
        "integer": DataType.INT64,
        "double": DataType.DOUBLE,
        "boolean": DataType.BOOL,
        "vector": DataType.FLOAT_VECTOR,
    }
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    for field in collection.fields:
        options: dict[str, Any] = {}
        if field.max_bytes:
            options["max_length"] = field.max_bytes
        if field.kind == "texts":
            options |= {"element_type": DataType.VARCHAR, "max_capacity": 100}
        if field.kind == "vector":
            options["dim"] = dimension
        schema.add_field(field.name, types[field.kind], is_primary=field.name == "id", **options)
    return schema
