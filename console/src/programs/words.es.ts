import type { Translation } from "../foundation/words";
import type en from "./words.en";

export default {
  channels_title: "Canales",
  channels_text: "Únete a los que te interesen: sus vídeos llegarán a tu inicio.",
  yours: "Los tuyos",
  to_join: "Para unirte",
  public: "Público",
  private: "Privado",
  private_text: "Los gestores deciden quién está.",
  archived: "Archivado",
  join: "Unirse",
  join_label: "Unirse a {name}",
  leave: "Salir",
  leave_label: "Salir de {name}",
  joined: "Te has unido a {name}.",
  left: "Has salido de {name}.",
  undo: "Deshacer",
  none_title: "Aún no hay canales",
  none_text: "Todo lo que publica tu programa te llega sin necesidad de uno.",
  all_joined: "Estás en todos los canales que hay.",
  show_more: "Ver más",
} satisfies Translation<typeof en>;
