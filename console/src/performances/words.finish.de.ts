import type { Translation } from "../foundation/words";
import type en from "./words.finish.en";

export default {
  finish_open: "Dein TikTok-Postfach öffnen",
  finish_path: "In der TikTok-App: unten auf Postfach, dann auf die Mitteilung, dass dein Video bereit ist.",
  finish_inbox: "TikTok-Postfach",
  finish_inbox_asia: "Postfach (TikTok in Asien)",
  finish_disclose_path: "Auf dem letzten Bildschirm von TikTok: More options, Content disclosure and ads. Deine App zeigt das in ihrer Sprache.",
  finish_disclosed: "Ich habe es eingeschaltet",
  finish_post: "Veröffentlichen",
  finish_post_text: "Das hakt sich selbst ab, sobald TikTok es meldet.",
  by_hand: "Nichts im Postfach?",
  by_hand_text: "Teile das Video von diesem Telefon aus mit TikTok, oder sichere es und veröffentliche es dort. Stand und Punkte ändern sich nicht, und es kann noch ankommen: Veröffentliche nur eines.",
  fetch_video: "Video bereitstellen",
  share_video: "Teilen",
  save_video: "Video sichern",
  share_refused: "Dieser Browser teilt nicht. Sichere das Video stattdessen.",
  shared_mark: "Ich habe es von Hand geteilt",
  shared_undo: "Ich habe es nicht von Hand geteilt",
  shared_at: "Du hast am {when} angegeben, es von Hand geteilt zu haben. TikTok hat es nicht bestätigt.",
} satisfies Translation<typeof en>;
