import type { Translation } from "../foundation/words";
import type en from "./words.manager.en";

export default {
  section_tiktok: "Por activar en TikTok",
  setting_none: "Ninguno",
  setting_why: "TikTok exige su propio ajuste a quien promociona su empresa o recibe un incentivo; los puntos lo son. Los miembros lo marcan antes de enviar, como prueba; tu asesoría jurídica decide cuál se aplica.",
  setting_page: "La página de TikTok",
  setting_none_warning: "Solo si no promociona nada.",
  ai_hint: "Los miembros activan la etiqueta de TikTok",
  reuse_video: "Unas {count} personas recibirían este mismo vídeo. TikTok frena el material reutilizado.",
  reuse_caption: "Unas {count} recibirían el mismo texto: añade otros.",
  reuse_setting: "Tu programa avisa por encima de {above}.",
  reuse_change: "Cambiar",
  setting_hint: "Lo que las actividades nuevas piden activar en TikTok; la línea de arriba es solo texto",
  reuse_above: "Avisar por encima de",
  reuse_hint: "Personas con el mismo vídeo o texto; 0: no avisar",
  kind_your_brand: "Your brand (tu marca)",
  kind_branded_content: "Branded content (contenido de marca)",
} satisfies Translation<typeof en>;
