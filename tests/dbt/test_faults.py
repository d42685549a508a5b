"""A test that cannot fail proves nothing: each of the project's own is shown a fault."""

import shutil

import pytest
import yaml

from tests.dbt.conftest import VARS
from tests.dbt.project import PROJECT, Outcome, Project

# singular test to a fault that it alone is there to find
FAULTS = {
    "assert_daily_counts_equal_pull_requests": (
        "update marts.author_metrics_daily set features_merged = features_merged + 1 "
        "where id = (select min(id) from marts.author_metrics_daily)"
    ),
    "assert_every_live_pull_request_is_shown": (
        "delete from marts.pull_request_lifecycle where pr_id = (select min(pr_id) from marts.repo_prs)"
    ),
    "assert_nothing_was_cut": (
        "delete from raw_github.pull_request_review_comments "
        "where id = (select max(id) from raw_github.pull_request_review_comments); "
        "update raw_github.pull_requests set labels_total = null "
        "where id = (select min(id) from raw_github.pull_requests where deleted_at is null)"
    ),
    "assert_ownership_adds_to_100": (
        "update marts.author_file_ownership set ownership_pct = ownership_pct - 0.001 "
        "where id = (select min(id) from marts.author_file_ownership)"
    ),
    "assert_window_pull_requests_count_to_metrics": (
        "delete from marts.author_prs_window where id = (select min(id) from marts.author_prs_window)"
    ),
    "assert_windows_sum_to_days": (
        "update marts.author_metrics_window set review_comments = review_comments + 1 "
        "where id = (select min(id) from marts.author_metrics_window)"
    ),
}

# generic test to its arguments over the rows below, of which at least one is bad
BAD_ROWS = (
    "select * from (values (1, 'a', 5, 'b'), (1, 'a', 11, 'c'), (2, 'b', -1, 'd')) as bad (id, name, points, alias)"
)
GENERIC_TESTS = {
    "unique_together": ({"columns": ["id", "name"]}, None, 1),
    "row_satisfies": ({"expression": "points <= 10"}, None, 1),
    "in_range": ({"at_least": 0, "at_most": 10}, "points", 2),
    "not_an_alias": ({}, "name", 1),
}


@pytest.fixture(scope="module")
def faulty(sample: Project) -> Outcome:
    """What the singular tests say of a warehouse with every fault in it."""
    with sample.copy("faulty") as project:
        for fault in FAULTS.values():
            project.execute(fault)
        return project.dbt("test", "--select", "test_type:singular", vars=VARS)


@pytest.mark.parametrize("name", FAULTS)
def test_singular_test_finds_its_fault(faulty: Outcome, name: str) -> None:
    assert faulty.statuses[name] == "fail"


def test_a_missing_count_is_a_fault_too(faulty: Outcome) -> None:
    assert faulty.messages["assert_nothing_was_cut"].startswith("Got 2 results")


def test_a_login_is_told_apart_by_neither_case_nor_suffix(scratch: Project) -> None:
    # int_accounts_resolved looks accounts up by such keys: twice the key would be twice the account
    scratch.execute(
        "insert into seeds.bot_accounts values ('Renovate[bot]', ''); "
        "insert into seeds.author_aliases values ('ann', 'bob'), ('Ann', 'cyd')"
    )
    outcome = scratch.dbt("test", "--select", "bot_accounts,test_type:data", "author_aliases,test_type:data", vars=VARS)
    assert outcome.named("fail").keys() == {"bot_accounts_login_stands_once", "author_aliases_alias_stands_once"}


def test_a_rule_that_would_do_nothing_is_found(scratch: Project) -> None:
    scratch.execute(
        "insert into seeds.risk_rules (rule_name, scope, part, pattern, points, floor, needs_rule, reason) values "
        "('a', 'path', 'name', 'a', 1, 8, 'none', ''), ('b', 'path', 'name', 'b', 1, 0, 'security', ''), "
        "('c', 'kind', 'none', 'binary', 1, 0, 'none', ''), ('d', 'change_type', 'none', 'added', 1, 0, 'none', '')"
    )
    outcome = scratch.dbt("test", "--select", "risk_rules,test_type:data", vars=VARS)
    found = outcome.named("fail")
    assert found.keys() == {"risk_rules_only_patches_have_floors_and_needs", "risk_rules_words_are_known"}
    assert all(message.startswith("Got 2 results") for message in found.values())


def test_an_author_whom_nobody_knows_is_found_in_every_mart(scratch: Project) -> None:
    scratch.execute("delete from marts.authors")
    outcome = scratch.dbt("test", "--select", "relationships_*_username__ref_authors_", vars=VARS)
    columns = (
        "author_file_ownership_username", "author_metrics_daily_username", "author_metrics_window_username",
        "author_prs_window_username", "file_changes_author", "pull_request_lifecycle_author", "repo_prs_author",
    )  # fmt: skip
    assert outcome.named("fail").keys() == {f"relationships_{column}__username__ref_authors_" for column in columns}


@pytest.fixture(scope="module")
def badly(sample: Project, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What the generic tests say of the bad rows."""
    folder = tmp_path_factory.mktemp("bad") / "project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("target", "logs", "models", "analyses", "singular"))
    models = folder / "models"
    models.mkdir()
    (models / "bad_rows.sql").write_text(BAD_ROWS)
    (models / "bad_rows.yml").write_text(yaml.safe_dump(properties()))
    with sample.copy("bad") as project:
        return project.dbt("build", "--select", "bad_rows", vars=VARS, project=folder)


def properties() -> dict[str, object]:
    """The properties file that asks every generic test of the bad rows."""
    on_model = []
    on_columns = []
    for name, (arguments, column, _) in GENERIC_TESTS.items():
        test = {name: {"name": f"bad_{name}", "arguments": arguments}}
        if column:
            on_columns.append({"name": column, "data_tests": [test]})
        else:
            on_model.append(test)
    return {"models": [{"name": "bad_rows", "data_tests": on_model, "columns": on_columns}]}


@pytest.mark.parametrize("name", GENERIC_TESTS)
def test_generic_test_finds_bad_rows(badly: Outcome, name: str) -> None:
    found = GENERIC_TESTS[name][2]
    assert badly.messages[f"bad_{name}"].startswith(f"Got {found} result")


@pytest.mark.parametrize(("kind", "cases"), [("singular", FAULTS), ("generic", GENERIC_TESTS)])
def test_every_test_of_ours_has_its_fault(kind: str, cases: dict[str, object]) -> None:
    assert {path.stem for path in PROJECT.glob(f"tests/{kind}/*.sql")} == cases.keys()
