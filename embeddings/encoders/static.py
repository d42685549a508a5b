"""The default: WordLlama's static token vectors, which come in its wheel. No download, thousands of texts a second.

Read here from the wheel's two files rather than through its own class, whose import configures the process's logging,
and which would look for a missing file on the net.
"""

from collections.abc import Sequence

import numpy as np
from safetensors import safe_open
from tokenizers import Tokenizer

from embeddings.encoders.base import Usage, Vector, unit
from embeddings.encoders.files import package_file

# beyond this a mean says nothing any more
MAX_TOKENS = 512


class StaticEncoder:
    """The direction of the sum of a text's token vectors, which is that of their mean."""

    model = "wordllama-l2-supercat-256"
    batch_size = 512

    def __init__(self) -> None:
        self._tokenizer = Tokenizer.from_file(
            str(package_file("wordllama", "tokenizers/l2_supercat_tokenizer_config.json"))
        )
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        weights = package_file("wordllama", "weights/l2_supercat_256.safetensors")
        with safe_open(str(weights), framework="np") as tensors:
            # half precision in the file; widened once, because numpy takes longer to widen than to add
            self._table = tensors.get_tensor("embedding.weight").astype(np.float32)
        self.dimension = int(self._table.shape[1])
        self.usage = Usage(cost_usd=0.0)

    def encode(self, texts: Sequence[str]) -> list[Vector | None]:
        """A unit vector for each text; None for one without a token."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        self.usage.calls += 1
        self.usage.tokens += sum(len(encoding.ids) for encoding in encodings)
        return [
            unit(self._table.take(encoding.ids, axis=0).sum(axis=0)) if encoding.ids else None for encoding in encodings
        ]

    def count_tokens(self, texts: Sequence[str]) -> int:
        """How many tokens the texts have, each cut to what is read."""
        return sum(len(e.ids) for e in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False))

    def price(self, tokens: int) -> float | None:
        """Nothing."""
        return 0.0
