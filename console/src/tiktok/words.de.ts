import type { Translation } from "../foundation/words";
import type en from "./words.en";

export default {
  network: "TikTok",
  none: "Nicht verbunden",
  connected_since: "Verbunden am {when}",
  reconnect_required: "TikTok lässt Greenroom nicht mehr herein. Verbinde neu, um weiterzumachen.",
  add: "Hinzufügen",
  add_label: "Dein TikTok-Konto hinzufügen",
  reconnect: "Neu verbinden",
  disconnect: "Trennen",
  disconnect_title: "TikTok trennen?",
  disconnect_text: "Greenroom gibt seine Erlaubnis zurück und vergisst dein Konto. Videos, die unterwegs sind, kommen nicht an und bringen keine Punkte. Was im TikTok-Postfach liegt, bleibt.",
  disconnected: "TikTok ist getrennt.",
  leaving: "Es geht zu TikTok",
  may_title: "Was Greenroom darf",
  may_name: "Deinen Anzeigenamen sehen, damit du weißt, welches Konto verbunden ist",
  may_stage: "Ein Video in dein Postfach legen, wenn du drückst",
  cannot_title: "Was es nicht kann",
  cannot_post: "Für dich posten, liken, folgen oder kommentieren",
  cannot_read: "Deine Nachrichten, Entwürfe oder Follower lesen",
} satisfies Translation<typeof en>;
