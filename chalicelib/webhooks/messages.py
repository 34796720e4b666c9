"""Events as messages for people, in the forms that Slack and Teams take.

The words come from a catalogue. A title that people wrote is put in as plain text: in blocks that
know no markup, and with marks of mentions and links defused where a text has to be markup.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.foundation.texts import clean_external_line, without_links
from chalicelib.webhooks.model import Format, Language

MAX_TITLE = 120

_MESSAGE_TEXTS: Mapping[Language, Mapping[str, str]] = {
    Language.ENGLISH: {
        "activity.published": "A new activity is open: “{title}”.",
        "activity.rejected": "The video of an activity was rejected: “{title}”.",
        "activity.ended": "An activity has ended: “{title}”.",
        "performance.queued": "A member sent “{title}” to TikTok.",
        "performance.staged": "“{title}” is in a member's TikTok inbox.",
        "performance.posted": "A member posted “{title}” on TikTok.",
        "performance.failed": "“{title}” could not be brought into a member's TikTok inbox.",
        "reward.offered": "A reward is on offer: “{title}”, {price} points.",
        "reward.withdrawn": "A reward is no longer on offer: “{title}”.",
        "reward.redeemed": "A member redeemed “{title}”. It waits for a manager.",
        "redemption.fulfilled": "A request for “{title}” was fulfilled.",
        "redemption.rejected": "A request for “{title}” was rejected; its points went back.",
        "member.invited": "A person was invited to the program.",
        "member.joined": "A new member joined the program.",
        "member.left": "A member left the program.",
        "points.adjusted": "A manager adjusted a member's points by {points}.",
        "webhook.test": "This is a test message. Greenroom can write here.",
        "open": "Open Greenroom",
        "untitled": "untitled",
    },
    Language.GERMAN: {
        "activity.published": "Eine neue Aktivität ist offen: „{title}“.",
        "activity.rejected": "Das Video einer Aktivität wurde abgelehnt: „{title}“.",
        "activity.ended": "Eine Aktivität ist beendet: „{title}“.",
        "performance.queued": "Ein Mitglied hat „{title}“ an TikTok gesendet.",
        "performance.staged": "„{title}“ liegt im TikTok-Posteingang eines Mitglieds.",
        "performance.posted": "Ein Mitglied hat „{title}“ auf TikTok veröffentlicht.",
        "performance.failed": "„{title}“ kam bei einem Mitglied nicht im TikTok-Posteingang an.",
        "reward.offered": "Eine Prämie ist im Angebot: „{title}“, {price} Punkte.",
        "reward.withdrawn": "Eine Prämie ist nicht mehr im Angebot: „{title}“.",
        "reward.redeemed": "Ein Mitglied hat „{title}“ eingelöst. Das wartet auf einen Manager.",
        "redemption.fulfilled": "Eine Anfrage für „{title}“ wurde erfüllt.",
        "redemption.rejected": "Eine Anfrage für „{title}“ wurde abgelehnt; Punkte zurück.",
        "member.invited": "Eine Person wurde in das Programm eingeladen.",
        "member.joined": "Ein neues Mitglied ist dem Programm beigetreten.",
        "member.left": "Ein Mitglied hat das Programm verlassen.",
        "points.adjusted": "Ein Manager hat die Punkte eines Mitglieds um {points} geändert.",
        "webhook.test": "Dies ist eine Testnachricht. Greenroom kann hier schreiben.",
        "open": "Greenroom öffnen",
        "untitled": "ohne Titel",
    },
    Language.SPANISH: {
        "activity.published": "Hay una actividad nueva: «{title}».",
        "activity.rejected": "Se rechazó el vídeo de una actividad: «{title}».",
        "activity.ended": "Ha terminado una actividad: «{title}».",
        "performance.queued": "Un miembro ha enviado «{title}» a TikTok.",
        "performance.staged": "«{title}» está en la bandeja de TikTok de un miembro.",
        "performance.posted": "Un miembro ha publicado «{title}» en TikTok.",
        "performance.failed": "«{title}» no pudo llegar a la bandeja de TikTok de un miembro.",
        "reward.offered": "Hay una recompensa disponible: «{title}», {price} puntos.",
        "reward.withdrawn": "Una recompensa ya no está disponible: «{title}».",
        "reward.redeemed": "Un miembro ha canjeado «{title}». Espera a un gestor.",
        "redemption.fulfilled": "Se ha cumplido una solicitud de «{title}».",
        "redemption.rejected": "Se ha rechazado una solicitud de «{title}»; puntos devueltos.",
        "member.invited": "Se ha invitado a una persona al programa.",
        "member.joined": "Un nuevo miembro se ha unido al programa.",
        "member.left": "Un miembro ha dejado el programa.",
        "points.adjusted": "Un gestor ha ajustado los puntos de un miembro en {points}.",
        "webhook.test": "Este es un mensaje de prueba. Greenroom puede escribir aquí.",
        "open": "Abrir Greenroom",
        "untitled": "sin título",
    },
}

_SCREEN_PATHS = {
    "activity": "/manage/activities/{activity_id}",
    "performance": "/manage/activities/{activity_id}",
    "reward.redeemed": "/manage/redemptions",
    "redemption": "/manage/redemptions",
    "reward": "/manage/rewards/{reward_id}",
    "member": "/manage/members",
    "points": "/manage/members",
    "webhook": "/manage/webhooks",
}


def message_body(
    format: Format,  # noqa: A002  its name in the API
    language: Language,
    event: Mapping[str, Any],
    title: str,
    console_url: str,
) -> dict[str, Any]:
    """Return an event as the body of a message for Slack or Teams.

    `title` is what its activity or reward is called, as somebody wrote it; empty if there is none.
    """
    words = _MESSAGE_TEXTS[language]
    kept = clean_external_line(title, MAX_TITLE) or words["untitled"]
    text = without_links(words[event["type"]].format_map({**event["data"], "title": kept}))
    link = _link(event, console_url)
    if format is Format.SLACK:
        return _slack(text, link, words["open"])
    return _teams(text, link, words["open"])


def _slack(text: str, link: str | None, label: str) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}
    ]
    if link:
        shown = {"type": "mrkdwn", "text": f"<{link}|{label}>", "verbatim": True}
        blocks.append({"type": "context", "elements": [shown]})
    return {
        # Notifications show this text, read as markup.
        "text": _slack_escaped(text),
        "blocks": blocks,
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _slack_escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(text: str, link: str | None, label: str) -> dict[str, Any]:
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        # Runs of text know no Markdown, which a TextBlock does.
        "body": [
            {
                "type": "RichTextBlock",
                "inlines": [{"type": "TextRun", "text": text}],
            }
        ],
    }
    if link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": label, "url": link}]
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _link(event: Mapping[str, Any], console_url: str) -> str | None:
    """Return the console's screen about an event; ids are the console's own, so they need no care.

    None where the deployment has no console.
    """
    if not console_url:
        return None
    thing = str(event["type"]).partition(".")[0]
    path = _SCREEN_PATHS.get(event["type"]) or _SCREEN_PATHS[thing]
    return console_url + path.format_map(event["data"])
