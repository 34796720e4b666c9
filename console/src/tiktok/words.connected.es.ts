import type { Translation } from "../foundation/words";
import type en from "./words.connected.en";

export default {
  result_connected_title: "TikTok está conectado",
  result_connected_text: "Desde ahora, un toque envía un vídeo a tu bandeja.",
  result_sent_title: "Conectado y en camino",
  result_denied_title: "Has dicho que no, y está bien",
  result_denied_text: "No se ha conectado ni enviado nada. Si fue sin querer, empieza de nuevo.",
  result_scope_missing_title: "Falta un permiso",
  result_scope_missing_text: "Para poner un vídeo en tu bandeja, los dos interruptores de la página de TikTok tienen que estar activados. Empieza de nuevo y deja los dos.",
  result_account_taken_title: "Esta cuenta de TikTok no se puede añadir",
  result_account_taken_text: "Usa otra cuenta de TikTok: cambia a ella en TikTok y empieza de nuevo.",
  result_consent_expired_title: "Ha tardado demasiado",
  result_consent_expired_text: "La ida y vuelta a TikTok puede durar diez minutos y vale una vez. Empieza de nuevo.",
  result_cookie_missing_title: "Has vuelto en otro navegador",
  result_cookie_missing_text: "Por tu seguridad, el camino a TikTok tiene que acabar en el navegador donde empezó. Quizá una app abrió el enlace en su propio navegador. Empieza de nuevo aquí mismo y quédate en este navegador.",
  result_failed_title: "TikTok no ha respondido bien",
  result_failed_text: "No se ha conectado nada. Empieza de nuevo en un momento.",
  begin_again: "Empezar de nuevo aquí",
  back_to_card: "Volver al vídeo",
  to_feed: "Ir al inicio",
  not_sent: "Tu cuenta está conectada, pero el vídeo no se pudo enviar.",
  for_video: "Para este vídeo",
  leaving: "Te llevamos a TikTok",
} satisfies Translation<typeof en>;
