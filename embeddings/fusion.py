"""Two rankings → one. Pure."""

from collections.abc import Mapping, Sequence

Ranking = Sequence[tuple[str, float]]


def fuse(lexical: Ranking, dense: Ranking, dense_weight: float) -> list[tuple[str, float]]:
    """The documents of both rankings by the weighted sum of their scores, best first.

    Each ranking's scores are stretched to 0–1 first. Fusing scores beat fusing ranks (reciprocal rank fusion) on real
    questions: a lexical hit that stands far above the rest stays there.

    Args:
        lexical: (id, BM25 score), best first.
        dense: (id, cosine), best first.
        dense_weight: what a dense score of 1 counts against a lexical one.

    Returns:
        (id, score), the score 0–1.
    """
    lexical_scores, dense_scores = _stretched(lexical), _stretched(dense)
    total = 1 + dense_weight
    scores = {
        id: (lexical_scores.get(id, 0.0) + dense_weight * dense_scores.get(id, 0.0)) / total
        for id in {**lexical_scores, **dense_scores}
    }
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def _stretched(ranking: Ranking) -> Mapping[str, float]:
    if not ranking:
        return {}
    scores = [score for _, score in ranking]
    low, high = min(scores), max(scores)
    if high == low:
        return {id: 1.0 for id, _ in ranking}
    return {id: (score - low) / (high - low) for id, score in ranking}
