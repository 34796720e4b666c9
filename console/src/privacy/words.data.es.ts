import type { Translation } from "../foundation/words";
import type en from "./words.data.en";

export default {
  title: "Datos de {name}",
  close: "Cerrar",
  cancel: "Cancelar",
  copy_text: "Todo lo que este programa guarda de esta persona, en un zip de archivos JSON. No se la des a nadie más.",
  erase: "Borrar",
  erase_text: "{name} sale del programa y en unos minutos nada nombra a esta persona: perfil, cuenta de TikTok, textos y acceso desaparecen. Los puntos y los recuentos se quedan sin nombre. No se puede deshacer.",
  erase_confirm: "Escribe {email} para confirmar",
  erase_differs: "Esa no es su dirección.",
  erase_now: "Borrar para siempre",
  erasure_erasing: "Borrándose desde {when}. Tarda unos seis minutos, y más mientras se envía un vídeo.",
  erasure_erased: "Borrado: {when}. Los puntos y los recuentos se quedan sin nombre.",
} satisfies Translation<typeof en>;
