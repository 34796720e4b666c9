import type { Translation } from "../foundation/words";
import type en from "./words.finish.en";

export default {
  finish_open: "Abre tu bandeja de TikTok",
  finish_path: "En la aplicación de TikTok: Bandeja de entrada, abajo, y luego el aviso de que tu vídeo está listo.",
  finish_inbox: "Bandeja de TikTok",
  finish_inbox_asia: "Bandeja (TikTok en Asia)",
  finish_disclose_path: "En la última pantalla de TikTok: More options, Content disclosure and ads. Tu aplicación lo muestra en su idioma.",
  finish_disclosed: "Lo he activado",
  finish_post: "Publícalo",
  finish_post_text: "Se marca solo cuando TikTok lo comunica.",
  by_hand: "¿Nada en tu bandeja?",
  by_hand_text: "Comparte el vídeo con TikTok desde este teléfono, o guárdalo y publícalo allí. Ni el estado ni los puntos cambian, y aún puede llegar: publica solo uno.",
  fetch_video: "Preparar el vídeo",
  share_video: "Compartir",
  save_video: "Guardar el vídeo",
  share_refused: "Este navegador no comparte. Guarda el vídeo.",
  shared_mark: "Lo compartí a mano",
  shared_undo: "No lo compartí a mano",
  shared_at: "Dijiste el {when} que lo compartiste a mano. TikTok no lo ha confirmado.",
} satisfies Translation<typeof en>;
