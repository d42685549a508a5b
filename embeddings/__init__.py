"""Pull requests and file changes, searchable by meaning.

After a sync:

    from embeddings import Filters, search

    for result in search("who wrote the retry logic?", kind="pr", filters=Filters(feature=True), limit=5):
        print(result.score, result.url, result.passage)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embeddings.filters import Filters
    from embeddings.searching import Searcher, SearchResult, search

__all__ = ["Filters", "SearchResult", "Searcher", "search"]


def __getattr__(name: str) -> Any:
    """Import on first use: the command line and the health check need not wait for what they do not use."""
    if name == "Filters":
        from embeddings.filters import Filters

        return Filters
    if name in ("SearchResult", "Searcher", "search"):
        from embeddings import searching

        return getattr(searching, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
