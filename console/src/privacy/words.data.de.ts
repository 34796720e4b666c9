import type { Translation } from "../foundation/words";
import type en from "./words.data.en";

export default {
  title: "Daten von {name}",
  close: "Schließen",
  cancel: "Abbrechen",
  copy: "Eine Kopie der Daten",
  copy_text: "Alles, was dieses Programm von der Person behält, als Zip aus JSON-Dateien. Gib sie niemand anderem.",
  copy_ask: "Kopie erstellen",
  copy_making: "Die Kopie wird erstellt. Das dauert ein, zwei Minuten.",
  copy_ready: "Die Kopie ist fertig. Ihr Link gilt bis {when}.",
  copy_failed: "Sie konnte nicht erstellt werden. Fordere sie noch einmal an.",
  download: "Herunterladen",
  erase: "Löschen",
  erase_text: "{name} verlässt das Programm, und nach Minuten nennt nichts mehr die Person: Profil, TikTok-Konto, Texte und Anmeldung sind weg. Punkte und Zahlen bleiben ohne Namen. Das lässt sich nicht zurücknehmen.",
  erase_confirm: "Gib zur Bestätigung {email} ein",
  erase_differs: "Das ist nicht die Adresse der Person.",
  erase_now: "Endgültig löschen",
  erasure_erasing: "Wird seit {when} gelöscht. Das dauert etwa sechs Minuten, und länger, solange ein Video gesendet wird.",
  erasure_erased: "Gelöscht {when}. Punkte und Zahlen bleiben ohne Namen.",
} satisfies Translation<typeof en>;
