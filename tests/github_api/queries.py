"""Queries: parsed, validated against the schema, and priced as GitHub prices them."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    build_schema,
    get_named_type,
    parse,
    validate,
)
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values

NODE_LIMIT = 500_000


class GraphQLAnswerError(Exception):
    """An error in GitHub's shape: a message, mostly with a type that clients tell errors apart by."""

    def __init__(self, message: str, kind: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind

    def as_dict(self, path: list[str | int] | None = None) -> dict[str, Any]:
        """Returns the entry of the answer's `errors`."""
        entry: dict[str, Any] = {"type": self.kind} if self.kind else {}
        if path is not None:
            entry["path"] = path
        return entry | {"message": self.message}


class InvalidQueryError(Exception):
    """A query that GitHub refuses before it runs, for free."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors[0]["message"])
        self.errors = errors


@lru_cache(maxsize=1)
def schema() -> GraphQLSchema:
    """Returns the schema, built once a process."""
    return build_schema((Path(__file__).parent / "schema.graphql").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Query:
    """One operation of a valid document, with the values of its variables."""

    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    variables: VariableValues

    @property
    def name(self) -> str:
        """The operation's name; empty for an anonymous one."""
        return self.operation.name.value if self.operation.name else ""


@lru_cache(maxsize=256)
def _document(text: str) -> DocumentNode:
    try:
        document = parse(text, max_tokens=50_000)
    except GraphQLSyntaxError as error:
        raise InvalidQueryError([{"message": error.message}]) from error
    errors = validate(schema(), document, max_errors=20)
    if errors:
        raise InvalidQueryError([{"message": error.message, "extensions": {"code": "invalid"}} for error in errors])
    return document


def read(text: str, variables: dict[str, Any] | None = None, operation_name: str | None = None) -> Query:
    """Returns the operation of a query text.

    Args:
        text: the GraphQL document.
        variables: values by variable name.
        operation_name: which operation, if the document holds several.

    Raises:
        InvalidQueryError: for what GitHub would refuse: syntax, unknown fields, values of the wrong type.
    """
    document = _document(text)
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    chosen = [node for node in operations if not operation_name or (node.name and node.name.value == operation_name)]
    if len(chosen) != 1:
        raise InvalidQueryError([{"message": "An operation name is required"}])
    values = get_variable_values(schema(), chosen[0].variable_definitions or (), variables or {})
    if isinstance(values, list):
        raise InvalidQueryError([{"message": error.message} for error in values])
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    return Query(operation=chosen[0], fragments=fragments, variables=values)


@dataclass
class Price:
    """What a query may cost at most, by GitHub's arithmetic.

    Attributes:
        requests: one for each list that a connection needs, each taken to be full.
        nodes: how many rows the query can return.
    """

    requests: int = 0
    nodes: int = 0

    @property
    def points(self) -> int:
        """The requests divided by 100, rounded, at least 1."""
        return max(1, int(self.requests / 100 + 0.5))


def price(query: Query) -> Price:
    """Returns the price of a query, which its text and variables alone decide.

    Raises:
        GraphQLAnswerError: MAX_NODE_LIMIT_EXCEEDED above half a million possible nodes.
    """
    total = Price()
    _add(query, query.operation.selection_set, schema().query_type, 1, total)
    if total.nodes > NODE_LIMIT:
        raise GraphQLAnswerError(
            f"This query requests up to {total.nodes:,} possible nodes which exceeds the limit of {NODE_LIMIT:,}.",
            "MAX_NODE_LIMIT_EXCEEDED",
        )
    return total


def _add(query: Query, selections: SelectionSetNode, parent: Any, parents: int, total: Price) -> None:
    for selection in selections.selections:
        if isinstance(selection, FragmentSpreadNode | InlineFragmentNode):
            target = query.fragments[selection.name.value] if isinstance(selection, FragmentSpreadNode) else selection
            condition = target.type_condition
            inner = schema().get_type(condition.name.value) if condition else parent
            _add(query, target.selection_set, inner, parents, total)
        elif (
            isinstance(selection, FieldNode)
            and selection.selection_set
            and isinstance(parent, (GraphQLObjectType, GraphQLInterfaceType))
        ):
            definition = parent.fields[selection.name.value]
            named, size = get_named_type(definition.type), parents
            arguments = get_argument_values(definition, selection, query.variables)
            if named.name.endswith("Connection"):
                size = parents * max(arguments.get("first") or arguments.get("last") or 0, 0)
                total.requests += parents
                total.nodes += size
            elif "ids" in arguments:
                size = parents * len(arguments["ids"])
            _add(query, selection.selection_set, named, size, total)
