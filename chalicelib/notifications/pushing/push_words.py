"""The words of pushes, by language."""

from collections.abc import Mapping, Sequence

from chalicelib.activities.model import Toggle
from chalicelib.notifications.pushing.model import PushStep

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "arrived": "Your video is in your TikTok inbox",
        "reminder": "Your video still waits in your TikTok inbox",
        "caption": "Caption to copy: {caption}",
        "disclosure": "Disclose it: {disclosure}",
        "toggles": "Switch on in TikTok: {toggles}",
        "finish": "Open TikTok, tap the message in your inbox and post it.",
        "tiktok": "Open TikTok",
        "copy": "Copy the caption",
    },
    "de": {
        "arrived": "Dein Video ist in deinem TikTok-Postfach",
        "reminder": "Dein Video wartet noch in deinem TikTok-Postfach",
        "caption": "Text zum Kopieren: {caption}",
        "disclosure": "Kennzeichnen: {disclosure}",
        "toggles": "In TikTok einschalten: {toggles}",
        "finish": "Öffne TikTok, tippe auf die Nachricht in deinem Postfach und poste es.",
        "tiktok": "TikTok öffnen",
        "copy": "Text kopieren",
    },
    "es": {
        "arrived": "Tu vídeo está en tu bandeja de TikTok",
        "reminder": "Tu vídeo sigue esperando en tu bandeja de TikTok",
        "caption": "Texto para copiar: {caption}",
        "disclosure": "Indícalo: {disclosure}",
        "toggles": "Activa en TikTok: {toggles}",
        "finish": "Abre TikTok, toca el mensaje de tu bandeja y publícalo.",
        "tiktok": "Abrir TikTok",
        "copy": "Copiar el texto",
    },
}

_TOGGLES: Mapping[Toggle, str] = {
    Toggle.DISCLOSE_COMMERCIAL_CONTENT: "Disclose commercial content",
    Toggle.YOUR_BRAND: "Your brand",
    Toggle.BRANDED_CONTENT: "Branded content",
    Toggle.AI_GENERATED_CONTENT: "AI-generated content",
}
"""By the names of TikTok's app in English, as in the texts that members acknowledge."""


def words(language: str, key: str, **values: str) -> str:
    return _WORDS.get(language, _WORDS["en"])[key].format_map(values)


def push_title(language: str, step: PushStep) -> str:
    return words(language, step.value)


def toggles_line(language: str, toggles: Sequence[Toggle]) -> str:
    """Return the line that names the toggles to switch on; empty where there are none."""
    if not toggles:
        return ""
    return words(language, "toggles", toggles=", ".join(_TOGGLES[each] for each in toggles))
