"""What the package offers by `from embeddings import …`, in a process of its own."""

import subprocess
import sys

import pytest

HEAVY = ("pymilvus", "numpy", "psycopg2", "wordllama")


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("before", ["", "import embeddings.searching", "import embeddings.__main__"])
def test_names_are_what_they_promise_whatever_was_imported_before(before: str) -> None:
    out = run(f"{before}\nfrom embeddings import Filters, Searcher, SearchResult, search\nprint(type(search).__name__)")
    assert out == "function\n"
    assert run(f"{before}\nimport embeddings\nprint([getattr(embeddings, name) for name in embeddings.__all__])")


def test_the_package_alone_is_cheap_to_import() -> None:
    assert run(f"import sys, embeddings\nprint([name for name in {HEAVY} if name in sys.modules])") == "[]\n"
