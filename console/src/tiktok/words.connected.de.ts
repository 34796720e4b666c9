import type { Translation } from "../foundation/words";
import type en from "./words.connected.en";

export default {
  result_connected_title: "TikTok ist verbunden",
  result_connected_text: "Ab jetzt bringt ein Druck ein Video in dein Postfach.",
  result_sent_title: "Verbunden und unterwegs",
  result_denied_title: "Du hast Nein gesagt, und das ist in Ordnung",
  result_denied_text: "Nichts wurde verbunden und nichts gesendet. Wenn es ein Versehen war, fang noch einmal an.",
  result_scope_missing_title: "Eine Erlaubnis fehlt",
  result_scope_missing_text: "Um ein Video in dein Postfach zu legen, braucht Greenroom beide Erlaubnisse auf der TikTok-Seite. Fang noch einmal an und lass beide an.",
  result_account_taken_title: "Dieses TikTok-Konto kann nicht hinzugefügt werden",
  result_account_taken_text: "Nimm ein anderes TikTok-Konto: Wechsle in TikTok dorthin und fang noch einmal an.",
  result_consent_expired_title: "Das hat zu lange gedauert",
  result_consent_expired_text: "Das Verbinden muss innerhalb von zehn Minuten fertig sein, und jeder Versuch gilt einmal. Fang noch einmal an.",
  result_cookie_missing_title: "Du bist in einem anderen Browser zurückgekommen",
  result_cookie_missing_text: "Zu deiner Sicherheit muss das Verbinden in dem Browser enden, in dem es begann; vielleicht hat eine App den Link in ihrem eigenen geöffnet. Fang hier noch einmal an und bleib in diesem Browser.",
  result_failed_title: "Das Verbinden hat nicht geklappt",
  result_failed_text: "TikTok hat es nicht bestätigt, darum wurde nichts verbunden. Fang gleich noch einmal an.",
  begin_again: "Gleich hier noch einmal anfangen",
  back_to_card: "Zurück zum Video",
  to_feed: "Zu deinem Feed",
  not_sent: "Dein Konto ist verbunden, aber das Video konnte nicht gesendet werden.",
  for_video: "Für dieses Video",
  leaving: "Es geht zu TikTok",
} satisfies Translation<typeof en>;
