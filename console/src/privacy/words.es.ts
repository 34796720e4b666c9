import type { Translation } from "../foundation/words";
import type en from "./words.en";

export default {
  choose_title: "¿Cuál es tu programa?",
  choose_text: "Únete a uno. Puedes rechazar los demás, o salir más tarde.",
  invitations: "Invitaciones",
  invitations_text: "Para unirte a uno de estos, sal primero de {program}.",
  invited: "Invitación: {when}",
  as_manager: "Como gestor.",
  left_before: "Ya saliste de él o lo rechazaste.",
  join: "Unirse",
  join_label: "Unirse a {program}",
  decline: "Rechazar",
  decline_label: "Rechazar {program}",
  declined: "Has rechazado {program}.",
  none_open: "No hay invitaciones abiertas",
  none_open_text: "Pide al gestor del programa de tu empresa que invite a {email}.",

  title: "Tus datos",
  leave: "Salir del programa",
  leave_text: "Se desconecta tu cuenta de TikTok. Tus puntos y tu historial se quedan en {program}.",
  leave_title: "¿Salir de {program}?",
  leave_last: "Eres su último gestor: haz antes gestor a otra persona.",

  export: "Una copia de los datos",
  export_text: "Todo lo que este programa guarda de ti, en un zip de archivos JSON.",
  export_ask: "Pedir una copia",
  export_making: "Se está preparando la copia. Tarda un minuto o dos.",
  export_ready: "La copia está lista. El enlace vale hasta {when}.",
  export_failed: "No se pudo preparar. Pídela otra vez.",
  download: "Descargar",
  erase: "Borrar",
  erase_text: "Sales del programa y en unos minutos nada te nombra: perfil, cuenta de TikTok, textos y acceso desaparecen. Los puntos y los recuentos se quedan sin tu nombre. No se puede deshacer.",
  erase_title: "¿Borrar tus datos?",
} satisfies Translation<typeof en>;
