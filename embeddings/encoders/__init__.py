"""Text → vectors: one protocol, three encoders, and the choice between them.

A local static model is the default; a sentence transformer comes with the extra `local-minilm`; OpenAI, or any server
that speaks its API, is used as soon as a key or a base URL is set.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from embeddings.encoders.base import PATIENT, Encoder, Patience, Usage, Vector
from warehouse.errors import PlimsollError
from warehouse.settings import Settings

if TYPE_CHECKING:
    from embeddings.encoders.minilm import MiniLMEncoder
    from embeddings.encoders.static import StaticEncoder

__all__ = ["Encoder", "Usage", "Vector", "available", "choose", "configured", "describe"]

logger = logging.getLogger(__name__)

STATIC_MODELS = ("wordllama", "wordllama-l2-supercat-256")
MINILM_MODELS = ("minilm", "all-minilm-l6-v2", "all-minilm-l6-v2-int8")


def choose(settings: Settings, patience: Patience = PATIENT) -> Encoder:
    """The encoder that the settings ask for, ready to encode.

    Args:
        settings: which one.
        patience: how long a server is waited for.

    Raises:
        PlimsollError: the model is unknown, not installed, or its server does not answer.
    """
    local = _local(settings)
    if local is not None:
        encoder = local()
        if settings.embedding_dimensions not in (None, encoder.dimension):
            logger.warning(
                "EMBEDDING_DIMENSIONS is for the models of a server: %s has %d dimensions",
                encoder.model,
                encoder.dimension,
            )
        return encoder
    from embeddings.encoders.openai import OpenAIEncoder

    return OpenAIEncoder.from_settings(settings, patience)


def configured(settings: Settings) -> tuple[str, int | None]:
    """(model, dimension) that the settings ask for; nothing is loaded, and no server is asked.

    Returns:
        None for the dimension if it is not known, or if the model has but one.

    Raises:
        PlimsollError: the model is unknown.
    """
    local = _local(settings)
    if local is not None:
        return local.model, None
    from embeddings.encoders.openai import configured_model

    return configured_model(settings)


def _local(settings: Settings) -> "type[StaticEncoder | MiniLMEncoder] | None":
    """The local model that the settings ask for; None if they ask for a server's.

    Raises:
        PlimsollError: there is no such model.
    """
    from embeddings.encoders.minilm import MiniLMEncoder
    from embeddings.encoders.static import StaticEncoder

    if _is_meant(settings, MINILM_MODELS):
        return MiniLMEncoder
    if _is_meant(settings, STATIC_MODELS) or not (settings.embedding_model or _is_remote(settings)):
        return StaticEncoder
    if not _is_remote(settings):
        raise PlimsollError(
            f"the embedding model {settings.embedding_model} is not one of the local models",
            where="EMBEDDING_MODEL",
            remedy="Use wordllama or minilm, or set OPENAI_API_KEY or OPENAI_BASE_URL for a model of a server",
        )
    return None


def available(settings: Settings) -> list[Encoder]:
    """Every model that can be used here: the chosen one, the static one, and the transformer where it is installed."""
    from embeddings.encoders.minilm import MiniLMEncoder
    from embeddings.encoders.static import StaticEncoder

    makers: list[Callable[[], Encoder]] = [StaticEncoder, MiniLMEncoder, lambda: choose(settings)]
    encoders: dict[str, Encoder] = {}
    for make in makers:
        try:
            encoder = make()
        except PlimsollError as error:
            logger.info("left out: %s", error)
            continue
        encoders.setdefault(encoder.model, encoder)
    return list(encoders.values())


def describe(settings: Settings) -> dict[str, Any]:
    """What would embed, for the health check, without spending anything.

    Returns:
        `model`, `kind` (static, transformer or server), `dimension` (None until the server was used), `reachable`.

    Raises:
        PlimsollError: it is not installed, or its server does not answer.
    """
    if _local(settings) is None:
        from embeddings.encoders.openai import describe_server

        return describe_server(settings)
    encoder = choose(settings)
    kind = "transformer" if _is_meant(settings, MINILM_MODELS) else "static"
    return {"model": encoder.model, "kind": kind, "dimension": encoder.dimension, "reachable": True}


def _is_meant(settings: Settings, names: tuple[str, ...]) -> bool:
    """Whether the settings name a local model; with a server only by a name that is ours alone, first or last here."""
    ours = (names[0], names[-1]) if _is_remote(settings) else names
    return (settings.embedding_model or "").lower() in ours


def _is_remote(settings: Settings) -> bool:
    return settings.openai_api_key is not None or settings.openai_base_url is not None
