import type { Translation } from "../foundation/words";
import type en from "./words.data.en";

export default {
  title: "Daten von {name}",
  close: "Schließen",
  cancel: "Abbrechen",
  copy_text: "Alles, was dieses Programm von der Person behält, als Zip aus JSON-Dateien. Gib sie niemand anderem.",
  erase: "Löschen",
  erase_text: "{name} verlässt das Programm, und nach Minuten nennt nichts mehr die Person: Profil, TikTok-Konto, Texte und Anmeldung sind weg. Punkte und Zahlen bleiben ohne Namen. Das lässt sich nicht zurücknehmen.",
  erase_confirm: "Gib zur Bestätigung {email} ein",
  erase_differs: "Das ist nicht die Adresse der Person.",
  erase_now: "Endgültig löschen",
  erasure_erasing: "Wird seit {when} gelöscht. Das dauert etwa sechs Minuten, und länger, solange ein Video gesendet wird.",
  erasure_erased: "Gelöscht {when}. Punkte und Zahlen bleiben ohne Namen.",
} satisfies Translation<typeof en>;
