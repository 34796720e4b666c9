import type { Translation } from "../foundation/words";
import type en from "./words.en";

export default {
  network: "TikTok",
  none: "Sin conectar",
  connected_since: "Conectado el {when}",
  reconnect_required: "TikTok ya no deja entrar a Greenroom. Vuelve a conectar para seguir.",
  add: "Añadir",
  add_label: "Añadir tu cuenta de TikTok",
  reconnect: "Volver a conectar",
  disconnect: "Desconectar",
  disconnect_title: "¿Desconectar TikTok?",
  disconnect_text: "Greenroom devuelve su permiso y olvida tu cuenta. Los vídeos que aún van de camino no llegan y se retiran sus puntos. Lo que está en tu bandeja de TikTok se queda allí.",
  disconnected: "TikTok está desconectado.",
  leaving: "Te llevamos a TikTok",
  may_title: "Qué puede hacer Greenroom",
  may_name: "Ver tu nombre visible, para mostrarte qué cuenta está conectada",
  may_stage: "Poner un vídeo en tu bandeja cuando pulsas el botón",
  cannot_title: "Qué no puede hacer",
  cannot_post: "Publicar, dar me gusta, seguir o comentar por ti",
  cannot_read: "Leer tus mensajes, tus borradores o quién te sigue",
} satisfies Translation<typeof en>;
