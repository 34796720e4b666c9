import type { Translation } from "../foundation/words";
import type en from "./words.en";

export default {
  title: "Einstellungen",
  profile: "Profil",
  name: "Name",
  name_hint: "Steht in Ranglisten und bei Managern.",
  name_missing: "Gib einen Namen ein.",
  email: "E-Mail",
  email_hint: "Damit meldest du dich an. Um sie zu ändern, lass einen Manager die neue einladen.",
  zone: "Zeitzone",
  zone_hint: "Daten und Uhrzeiten werden in ihr angezeigt.",
  zone_other: "Dieses Gerät ist in {zone}. Die nehmen?",
  zone_take: "{zone} nehmen",
  save: "Speichern",
  saved: "Gespeichert.",
  points_balance: "Punkte zum Ausgeben",
  points_earned: "Verdiente Punkte",

  accounts: "Meine Social-Konten",
  appearance: "Darstellung",
  language: "Sprache",
  theme: "Farben",
  theme_system: "Wie das Gerät",
  theme_light: "Hell",
  theme_dark: "Dunkel",

  second_step: "Zweiter Schritt bei der Anmeldung",
  data: "Deine Daten",
  data_text: "Herunterladen, das Programm verlassen oder alles löschen lassen.",

  sign_out_section: "Abmelden",
  sign_out_text: "Dieser Browser vergisst alles, was er über dich gespeichert hat.",
  sign_out: "Abmelden",
  everywhere: "Überall abmelden",
  everywhere_text: "Beendet deine Sitzungen in jedem Browser und auf jedem Gerät. Wo gerade eine offen ist, endet sie innerhalb der Stunde.",
} satisfies Translation<typeof en>;
