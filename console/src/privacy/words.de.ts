import type { Translation } from "../foundation/words";
import type en from "./words.en";

export default {
  choose_title: "Welches Programm ist deins?",
  choose_text: "Tritt einem bei. Die anderen kannst du ablehnen, oder später wieder gehen.",
  invitations: "Einladungen",
  invitations_text: "Um einem davon beizutreten, verlass zuerst {program}.",
  invited: "Eingeladen {when}",
  as_manager: "Als Manager.",
  left_before: "Du hast es schon einmal verlassen oder abgelehnt.",
  join: "Beitreten",
  join_label: "{program} beitreten",
  decline: "Ablehnen",
  decline_label: "{program} ablehnen",
  declined: "Du hast {program} abgelehnt.",
  none_open: "Keine Einladung ist offen",
  none_open_text: "Bitte den Manager des Programms deiner Firma, {email} einzuladen.",

  title: "Deine Daten",
  leave: "Das Programm verlassen",
  leave_text: "Dein TikTok-Konto wird getrennt. Deine Punkte und dein Verlauf bleiben bei {program}.",
  leave_title: "{program} verlassen?",
  leave_last: "Du bist sein letzter Manager: mach zuerst jemand anderen zum Manager.",

  export: "Eine Kopie der Daten",
  export_text: "Alles, was dieses Programm von dir behält, als Zip aus JSON-Dateien.",
  export_ask: "Kopie anfordern",
  export_making: "Die Kopie wird erstellt. Das dauert ein, zwei Minuten.",
  export_ready: "Die Kopie ist fertig. Ihr Link gilt bis {when}.",
  export_failed: "Sie konnte nicht gemacht werden. Fordere sie noch einmal an.",
  download: "Herunterladen",
  erase: "Löschen lassen",
  erase_text: "Du verlässt das Programm, und nach Minuten nennt dich nichts mehr: Profil, TikTok-Konto, Texte und Anmeldung sind weg. Punkte und Zahlen bleiben ohne deinen Namen. Das lässt sich nicht zurücknehmen.",
  erase_title: "Dich löschen lassen?",
} satisfies Translation<typeof en>;
