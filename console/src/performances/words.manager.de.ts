import type { Translation } from "../foundation/words";
import type en from "./words.manager.en";

export default {
  section_tiktok: "In TikTok einzuschalten",
  setting_none: "Keine",
  setting_why: "TikTok verlangt seine eigene Einstellung von allen, die für ihr Unternehmen werben oder einen Anreiz bekommen; Punkte sind einer. Mitglieder haken sie vor dem Senden ab, als Nachweis; was gilt, entscheidet eure Rechtsberatung.",
  setting_page: "TikToks Seite",
  setting_none_warning: "Nur, wenn der Post für nichts wirbt.",
  ai_hint: "Mitglieder schalten TikToks Hinweis ein",
  reuse_video: "Etwa {count} Personen bekämen dasselbe Video. TikTok hält Wiederverwendetes zurück.",
  reuse_caption: "Etwa {count} bekämen denselben Bildtext: Füge weitere hinzu.",
  reuse_setting: "Euer Programm warnt ab mehr als {above}.",
  reuse_change: "Ändern",
  setting_hint: "Was Mitglieder bei neuen Aktivitäten in TikTok einschalten; die Zeile darüber ist nur Text",
  reuse_above: "Warnen bei mehr als",
  reuse_hint: "So viele Personen mit demselben Video oder Bildtext; 0: nie warnen",
  kind_your_brand: "Your brand (deine Marke)",
  kind_branded_content: "Branded content (Markeninhalte)",
} satisfies Translation<typeof en>;
