"""The field for choosing the embedding, whose hint states the shape for the chosen model and granularity."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from webui.results import Granularity
from webui.service import RecognitionService
from webui.service.models.status import PoolStatus
from webui.texts import Language, text
from webui.ui.context import QUIET, LanguageFollower, ModelsFollower, PageContext, Updates
from webui.ui.i18n import FIRST_LANGUAGE, I18n, parse_language
from webui.ui.tabs.model_choice import ALL


def build_embedding_choice(i18n: I18n) -> gr.Checkbox:
    """Builds the field."""
    return i18n.add(
        gr.Checkbox,
        text_of={"label": "page.embedding"},
        info=text("page.embedding_info_unknown", FIRST_LANGUAGE),
        elem_id="embedding",
    )


def embedding_info(service: RecognitionService, model: object, granularity: object, language: Language) -> str:
    """Returns the hint: the length of a vector, if the chosen model is loaded."""
    dim = service.models.embedding_dim(str(model) if model else None) if model != ALL else None
    if dim is None:
        return text("page.embedding_info_unknown", language)
    key = "page.embedding_info_frames" if granularity == Granularity.FRAME else "page.embedding_info"
    return text(key, language, dim=dim)


def follow_choices(context: PageContext, embedding: gr.Checkbox, model: gr.Dropdown, granularity: gr.Radio) -> None:
    """Updates the hint when the model, the granularity, the language or what is loaded changes.

    After a model was loaded, the hint is that of the default model and of utterances, until the next change.
    """
    service, language = context.service, context.language

    def render(chosen: Language, model_value: object, granularity_value: object) -> Updates:
        return [gr.update(info=embedding_info(service, model_value, granularity_value, chosen))]

    def refresh_hint(model_value: object, granularity_value: object, language_value: object) -> Any:  # noqa: ANN401
        return render(parse_language(language_value), model_value, granularity_value)[0]

    def loaded(_status: PoolStatus, _ready: Sequence[str], chosen: Language) -> Updates:
        return render(chosen, None, Granularity.UTTERANCE)

    context.language_followers.append(LanguageFollower([embedding], render, inputs=[model, granularity]))
    context.models_followers.append(ModelsFollower([embedding], loaded))
    for event in (model.change, granularity.change, embedding.change):
        event(refresh_hint, [model, granularity, language], embedding, **QUIET)
