import type { Translation } from "../foundation/words";
import type en from "./words.en";

export default {
  channels_title: "Kanäle",
  channels_text: "Tritt denen bei, die dich interessieren: Ihre Videos kommen dann in deinen Feed.",
  yours: "Deine",
  to_join: "Zum Beitreten",
  public: "Öffentlich",
  private: "Privat",
  private_text: "Manager entscheiden, wer dabei ist.",
  archived: "Archiviert",
  join: "Beitreten",
  join_label: "{name} beitreten",
  leave: "Verlassen",
  leave_label: "{name} verlassen",
  joined: "Du bist jetzt in {name}.",
  left: "Du hast {name} verlassen.",
  undo: "Rückgängig",
  none_title: "Noch keine Kanäle",
  none_text: "Alles, was dein Programm veröffentlicht, erreicht dich auch ohne.",
  all_joined: "Du bist in allen Kanälen, die es gibt.",
  show_more: "Mehr zeigen",
} satisfies Translation<typeof en>;
