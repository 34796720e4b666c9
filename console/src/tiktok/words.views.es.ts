import type en from "./words.views.en";
import type { Translation } from "../foundation/words";

export default {
  views: "Visualizaciones de tus publicaciones",
  views_off: "No. Greenroom no puede ver cuántas veces se ven tus publicaciones.",
  views_text:
    "Si lo permites, Greenroom lee las visualizaciones, los me gusta, los comentarios, las veces compartidas y el enlace de lo que publicaste con sus vídeos, durante 30 días desde cada publicación. Los ves en tu historial, y tus gestores los ven sumados en sus informes.",
  views_limits:
    "TikTok llama a este permiso «Leer tus vídeos públicos». Greenroom solo pregunta por sus propios vídeos, nunca por otros. Tus envíos y puntos son los mismos sin él, y puedes retirarlo aquí cuando quieras: lo leído se elimina.",
  views_allow: "Permitir en TikTok",
  views_leaving: "De camino a TikTok …",
  views_on: "Permitido desde el {when}.",
  views_end: "Retirar y eliminar",
  views_ended: "Retirado. Lo leído se ha eliminado.",
  views_denied: "Dejaste este permiso desactivado en TikTok, así que no se lee nada de tus publicaciones. Tu cuenta sigue conectada.",
  views_not_offered: "Aquí ya no se pide, y no se lee nada.",
  counted_views: { one: "{count} visualización", other: "{count} visualizaciones" },
  counted_likes: { one: "{count} me gusta", other: "{count} me gusta" },
  counted_comments: { one: "{count} comentario", other: "{count} comentarios" },
  counted_at: "a {when}",
  see_post: "Ver la publicación en TikTok",
} satisfies Translation<typeof en>;
