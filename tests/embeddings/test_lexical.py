"""The lexical index."""

from contextlib import closing

from psycopg2 import extensions

from embeddings import ledger
from embeddings.collections import PR_INDEX
from embeddings.documents import Document, pull_request_document
from embeddings.lexical import Condition, LexicalIndex
from tests.embeddings.test_documents import pull_request_row
from warehouse.postgres import connect
from warehouse.settings import Settings


def document(number: int, title: str) -> Document:
    return pull_request_document(pull_request_row(pr_number=number, title=title, body=None, commit_messages=[]))


def test_a_search_that_stays_open_counts_what_came(settings: Settings, warehouse: extensions.connection) -> None:
    ledger.prepare(warehouse)
    index = LexicalIndex(warehouse, PR_INDEX)
    index.prepare()
    index.write([document(1, "Common rare")])
    warehouse.commit()
    with closing(connect(settings, autocommit=True)) as connection:
        open_for_days = LexicalIndex(connection, PR_INDEX)
        assert len(open_for_days.search(["common"], Condition(), 10)) == 1
        index.write([document(number, "Common thing") for number in range(2, 40)])
        warehouse.commit()
        found = open_for_days.search(["common", "rare"], Condition(), 50)
        assert found == LexicalIndex(connection, PR_INDEX).search(["common", "rare"], Condition(), 50)
        assert min(score for _, score in found) > 0
        assert found[0][0] == "acme/ship#1"
