"""Executes a query over the model's objects.

graphql-core's own executor spends some 20 microseconds a field; this one looks a field up once per request and type,
and then walks plain steps. It does not coerce results: resolvers return values that are JSON already.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSkipDirective,
    SelectionNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)
from graphql.execution.values import get_argument_values, get_directive_values

from .queries import GraphQLAnswerError, Query, schema

Resolver = Callable[[Any, dict[str, Any], "Execution"], Any]
Resolvers = Mapping[str, Mapping[str, Resolver]]
# a response path as a linked list from the leaf up, built only where an error needs it
Trail = tuple[Any, str | int] | None
Complete = Callable[[Any, Trail], Any]


class Step(NamedTuple):
    """How one field of an object type is answered: read, then completed where it is no JSON yet."""

    key: str
    read: Callable[[Any], Any]
    complete: Complete | None
    is_nullable: bool


class QueryTimeoutError(Exception):
    """The query was too heavy for GitHub to finish."""


class _PropagatedError(Exception):
    """An error that is recorded already and makes the nearest nullable parent null."""


def snake(name: str) -> str:
    """Returns a GraphQL name as the model's attribute: `headRefOid` is `head_ref_oid`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


class Execution:
    """One run of one query.

    Attributes:
        errors: the entries of the answer's `errors`, in the order they arose.
        nodes: how many rows of connections were resolved so far.
        context: what resolvers need beside the object: the organisation, the viewer, the rate limit.
    """

    def __init__(
        self,
        query: Query,
        resolvers: Resolvers,
        context: Any,
        *,
        node_budget: int | None = None,
        timeout_budget: int | None = None,
        fail_every: int | None = None,
    ) -> None:
        self.query = query
        self.context = context
        self.errors: list[dict[str, Any]] = []
        self.nodes = 0
        self._resolvers = resolvers
        self._node_budget = node_budget
        self._timeout_budget = timeout_budget
        self._fail_every = fail_every

    def run(self) -> dict[str, Any] | None:
        """Returns the answer's `data`.

        Raises:
            QueryTimeoutError: if the query resolved more nodes than the timeout budget allows.
        """
        root = schema().query_type
        assert root is not None
        try:
            return self._selection([self.query.operation])(root, None, None)
        except _PropagatedError:
            return None

    def _included(self, selection: SelectionNode) -> bool:
        if not selection.directives:
            return True
        skip = get_directive_values(GraphQLSkipDirective, selection, self.query.variables)
        include = get_directive_values(GraphQLIncludeDirective, selection, self.query.variables)
        return not (skip and skip["if"]) and not (include and not include["if"])

    def fields(self, parents: Sequence[Any], kind: GraphQLObjectType) -> dict[str, list[FieldNode]]:
        """Returns the fields that the selections of `parents` ask of an object type, by response key."""
        found: dict[str, list[FieldNode]] = {}
        for parent in parents:
            for selection in parent.selection_set.selections if parent.selection_set else ():
                if not self._included(selection):
                    continue
                if isinstance(selection, FieldNode):
                    key = selection.alias.value if selection.alias else selection.name.value
                    found.setdefault(key, []).append(selection)
                    continue
                spread = isinstance(selection, FragmentSpreadNode)
                target = self.query.fragments[selection.name.value] if spread else selection
                if self._applies(target.type_condition, kind):
                    for key, nodes in self.fields([target], kind).items():
                        found.setdefault(key, []).extend(nodes)
        return found

    def _applies(self, condition: Any, kind: GraphQLObjectType) -> bool:
        if condition is None or condition.name.value == kind.name:
            return True
        named = schema().get_type(condition.name.value)
        return bool(named and is_abstract_type(named) and schema().is_sub_type(named, kind))

    def _steps(self, kind: GraphQLObjectType, parents: Sequence[Any]) -> list[Step]:
        steps: list[Step] = []
        for key, nodes in self.fields(parents, kind).items():
            name = nodes[0].name.value
            if name == "__typename":
                steps.append(Step(key, _constant(kind.name), None, True))
                continue
            definition = kind.fields[name]
            is_list_of_rows = name in ("nodes", "edges")
            steps.append(
                Step(
                    key,
                    self._reader(kind, definition, nodes),
                    self._completion(definition.type, nodes, is_list_of_rows),
                    not isinstance(definition.type, GraphQLNonNull),
                )
            )
        return steps

    def _reader(self, kind: GraphQLObjectType, definition: Any, nodes: list[FieldNode]) -> Callable[[Any], Any]:
        name = nodes[0].name.value
        resolver = self._resolvers.get(kind.name, {}).get(name)
        if resolver is None:
            return attrgetter(snake(name))
        arguments = get_argument_values(definition, nodes[0], self.query.variables)
        named = get_named_type(definition.type)
        if isinstance(named, GraphQLObjectType) and "totalCount" in named.fields:
            # a connection needs to know its name, for its errors, and whether rows are asked of it or only their number
            arguments["connection"] = name
            arguments["selected"] = {node.name.value for found in self.fields(nodes, named).values() for node in found}
        return lambda value: resolver(value, arguments, self)

    def _completion(self, kind: Any, nodes: list[FieldNode], counted: bool = False) -> Complete | None:
        """Returns what turns a resolved value into JSON, or None where it is JSON already."""
        if isinstance(kind, GraphQLNonNull):
            inner = self._completion(kind.of_type, nodes, counted)
            if inner is None or isinstance(kind.of_type, GraphQLList):
                return inner

            def required(value: Any, trail: Trail) -> Any:
                if value is None:
                    raise GraphQLAnswerError("Cannot return null for a non-nullable field")
                return inner(value, trail)

            return required
        if isinstance(kind, GraphQLList):
            return self._list_completion(kind.of_type, nodes, counted)
        if is_leaf_type(kind):
            return None
        answer, types = self._selection(nodes), schema().type_map
        if isinstance(kind, GraphQLObjectType):
            return lambda value, trail: None if value is None else answer(kind, value, trail)
        return lambda value, trail: None if value is None else answer(types[value.typename], value, trail)

    def _list_completion(self, kind: Any, nodes: list[FieldNode], counted: bool) -> Complete:
        inner = self._completion(kind, nodes)

        def complete(values: Any, trail: Trail) -> Any:
            answers: list[Any] = []
            for index, value in enumerate(values):
                try:
                    if isinstance(value, GraphQLAnswerError):
                        raise value
                    if counted:
                        self._count()
                    answers.append(inner(value, (trail, index)) if inner else value)
                except GraphQLAnswerError as problem:
                    self._record(problem, (trail, index))
                    answers.append(None)
                except _PropagatedError:
                    answers.append(None)
            return answers

        return complete

    def _count(self) -> None:
        self.nodes += 1
        if self._timeout_budget is not None and self.nodes > self._timeout_budget:
            raise QueryTimeoutError
        if self._node_budget is not None and self.nodes > self._node_budget:
            raise GraphQLAnswerError("Resource limits for this query exceeded.", "RESOURCE_LIMITS_EXCEEDED")
        if self._fail_every and self.nodes % self._fail_every == 0:
            raise GraphQLAnswerError("Something went wrong while executing your query.")

    def _selection(self, parents: Sequence[Any]) -> Callable[[Any, Any, Trail], dict[str, Any]]:
        known: dict[str, list[Step]] = {}

        def answer(kind: GraphQLObjectType, value: Any, trail: Trail) -> dict[str, Any]:
            steps = known.get(kind.name)
            if steps is None:
                steps = known[kind.name] = self._steps(kind, parents)
            fields: dict[str, Any] = {}
            for key, read, complete, is_nullable in steps:
                try:
                    found = read(value)
                    fields[key] = found if complete is None else complete(found, (trail, key))
                except GraphQLAnswerError as problem:
                    self._record(problem, (trail, key))
                    if not is_nullable:
                        raise _PropagatedError from problem
                    fields[key] = None
                except _PropagatedError:
                    if not is_nullable:
                        raise
                    fields[key] = None
            return fields

        return answer

    def _record(self, problem: GraphQLAnswerError, trail: Trail) -> None:
        path: list[str | int] = []
        while trail:
            trail, key = trail
            path.append(key)
        self.errors.append(problem.as_dict(path[::-1]))


def _constant(answer: str) -> Callable[[Any], Any]:
    return lambda _: answer
