"""The words of mails, by language."""

from collections.abc import Mapping

from chalicelib.notifications.model import NoticeCategory, NoticeType

LANGUAGES = ("en", "de", "es")

_EN: Mapping[str, str] = {
    "activity_opened.one": "New activity: {title}",
    "activity_opened.other": "{count} new activities",
    "activity_ending.one": "Last call: {title}",
    "activity_ending.other": "Last call for {count} activities",
    "video_waiting.one": "A video waits in your TikTok inbox: {title}",
    "video_waiting.other": "{count} videos wait in your TikTok inbox",
    "account_to_reconnect.one": "Connect your TikTok account again",
    "account_to_reconnect.other": "Connect your TikTok account again",
    "reward_fulfilled.one": "Your reward is ready: {title}",
    "reward_fulfilled.other": "{count} of your rewards are ready",
    "reward_rejected.one": "Your request was rejected and your points are back: {title}",
    "reward_rejected.other": "{count} requests were rejected and your points are back",
    "points_adjusted.one": "Your points were changed: {points}",
    "points_adjusted.other": "Your points were changed {count} times",
    "worklist.one": "{number} thing needs a hand",
    "worklist.other": "{number} things need a hand",
    "subject.more": "{first}, and more",
    "more.one": "and {count} more",
    "more.other": "and {count} more",
    "hello": "Hello {name},",
    "open": "Open {program}",
    "choose": "Choose what you are mailed",
    "stop": "No more mails like this",
    "why": "You get this mail because you are a member of {program}.",
    "points.one": "{points} point",
    "points.other": "{points} points",
    "unsubscribed.title": "No more mails",
    "unsubscribed.all": "Such mails are switched off. You still see everything in the app.",
    "ask.title": "No more mails?",
    "ask.text": "Press the button to switch mails like the one you came from off.",
    "ask.button": "Switch them off",
}
_DE: Mapping[str, str] = {
    "activity_opened.one": "Neue Aktivität: {title}",
    "activity_opened.other": "{count} neue Aktivitäten",
    "activity_ending.one": "Letzte Gelegenheit: {title}",
    "activity_ending.other": "Letzte Gelegenheit für {count} Aktivitäten",
    "video_waiting.one": "Ein Video wartet in deinem TikTok-Postfach: {title}",
    "video_waiting.other": "{count} Videos warten in deinem TikTok-Postfach",
    "account_to_reconnect.one": "Verbinde dein TikTok-Konto neu",
    "account_to_reconnect.other": "Verbinde dein TikTok-Konto neu",
    "reward_fulfilled.one": "Deine Prämie ist da: {title}",
    "reward_fulfilled.other": "{count} deiner Prämien sind da",
    "reward_rejected.one": "Deine Anfrage wurde abgelehnt, die Punkte sind zurück: {title}",
    "reward_rejected.other": "{count} Anfragen wurden abgelehnt, die Punkte sind zurück",
    "points_adjusted.one": "Deine Punkte wurden geändert: {points}",
    "points_adjusted.other": "Deine Punkte wurden {count}-mal geändert",
    "worklist.one": "{number} Sache ist zu erledigen",
    "worklist.other": "{number} Sachen sind zu erledigen",
    "subject.more": "{first}, und mehr",
    "more.one": "und {count} weitere",
    "more.other": "und {count} weitere",
    "hello": "Hallo {name},",
    "open": "{program} öffnen",
    "choose": "Wählen, was du per Mail bekommst",
    "stop": "Keine solchen Mails mehr",
    "why": "Du bekommst diese Mail als Mitglied von {program}.",
    "points.one": "{points} Punkt",
    "points.other": "{points} Punkte",
    "unsubscribed.title": "Keine Mails mehr",
    "unsubscribed.all": "Solche Mails sind abgeschaltet. In der App siehst du weiter alles.",
    "ask.title": "Keine Mails mehr?",
    "ask.text": "Der Knopf schaltet Mails wie die ab, aus der du kommst.",
    "ask.button": "Abschalten",
}
_ES: Mapping[str, str] = {
    "activity_opened.one": "Actividad nueva: {title}",
    "activity_opened.other": "{count} actividades nuevas",
    "activity_ending.one": "Última llamada: {title}",
    "activity_ending.other": "Última llamada para {count} actividades",
    "video_waiting.one": "Un vídeo espera en tu bandeja de TikTok: {title}",
    "video_waiting.other": "{count} vídeos esperan en tu bandeja de TikTok",
    "account_to_reconnect.one": "Vuelve a conectar tu cuenta de TikTok",
    "account_to_reconnect.other": "Vuelve a conectar tu cuenta de TikTok",
    "reward_fulfilled.one": "Tu premio está listo: {title}",
    "reward_fulfilled.other": "{count} premios tuyos están listos",
    "reward_rejected.one": "Tu solicitud fue rechazada y tienes tus puntos de vuelta: {title}",
    "reward_rejected.other": "{count} solicitudes rechazadas; tienes tus puntos de vuelta",
    "points_adjusted.one": "Tus puntos han cambiado: {points}",
    "points_adjusted.other": "Tus puntos han cambiado {count} veces",
    "worklist.one": "{number} cosa por atender",
    "worklist.other": "{number} cosas por atender",
    "subject.more": "{first}, y más",
    "more.one": "y {count} más",
    "more.other": "y {count} más",
    "hello": "Hola, {name}:",
    "open": "Abrir {program}",
    "choose": "Elige qué correos recibes",
    "stop": "No recibir más correos así",
    "why": "Recibes este correo porque eres miembro de {program}.",
    "points.one": "{points} punto",
    "points.other": "{points} puntos",
    "unsubscribed.title": "No más correos",
    "unsubscribed.all": "Estos correos están desactivados. En la aplicación sigues viendo todo.",
    "ask.title": "¿No más correos?",
    "ask.text": "El botón desactiva los correos como el que te trajo aquí.",
    "ask.button": "Desactivar",
}
_WORDS = {"en": _EN, "de": _DE, "es": _ES}


def words(language: str, key: str, **values: object) -> str:
    """Return a text in a language, English where there is no such language."""
    return _WORDS.get(language, _EN)[key].format(**values)


NOTICE_PATHS: Mapping[NoticeType, str] = {
    NoticeType.ACTIVITY_OPENED: "/",
    NoticeType.ACTIVITY_ENDING: "/",
    NoticeType.VIDEO_WAITING: "/history",
    NoticeType.ACCOUNT_TO_RECONNECT: "/settings#tiktok",
    NoticeType.REWARD_FULFILLED: "/rewards",
    NoticeType.REWARD_REJECTED: "/rewards",
    NoticeType.POINTS_ADJUSTED: "/points",
    NoticeType.WORKLIST: "/manage",
}
"""Console paths that notices link to."""

NOTICE_ORDER = tuple(NoticeType)
ALL = "all"
UNSUBSCRIBE_SCOPES = frozenset({ALL, *(each.value for each in NoticeCategory)})
"""The scope of an unsubscribe link: one kind of mails, or all."""
