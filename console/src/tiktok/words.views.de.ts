import type en from "./words.views.en";
import type { Translation } from "../foundation/words";

export default {
  views: "Aufrufe deiner Posts",
  views_off: "Aus. Greenroom kann nicht sehen, wie oft deine Posts angesehen werden.",
  views_text:
    "Wenn du es erlaubst, liest Greenroom Aufrufe, Likes, Kommentare, Weiterleitungen und den Link der Posts, die du aus seinen Videos gemacht hast, 30 Tage lang nach jedem Post. Du siehst sie in deinem Verlauf, und deine Manager sehen sie zusammengezählt in ihren Berichten.",
  views_limits:
    "TikTok nennt das „Deine öffentlichen Videos lesen“. Greenroom fragt nur nach seinen eigenen Videos, nie nach anderen. Versand und Punkte sind ohne das dieselben, und du kannst es hier jederzeit zurücknehmen: Was gelesen wurde, wird dann entfernt.",
  views_allow: "Bei TikTok erlauben",
  views_leaving: "Auf dem Weg zu TikTok …",
  views_on: "Erlaubt seit {when}.",
  views_end: "Zurücknehmen und entfernen",
  views_ended: "Zurückgenommen. Was gelesen wurde, ist entfernt.",
  views_denied: "Du hast das bei TikTok ausgeschaltet gelassen, also wird nichts von deinen Posts gelesen. Dein Konto bleibt verbunden.",
  views_not_offered: "Danach wird hier nicht mehr gefragt, und nichts wird gelesen.",
  counted_views: { one: "{count} Aufruf", other: "{count} Aufrufe" },
  counted_likes: { one: "{count} Like", other: "{count} Likes" },
  counted_comments: { one: "{count} Kommentar", other: "{count} Kommentare" },
  counted_at: "Stand {when}",
  see_post: "Den Post auf TikTok ansehen",
} satisfies Translation<typeof en>;
