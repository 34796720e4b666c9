import type { Translation } from "../foundation/words";
import type en from "./words.manager.en";

export default {
  points_of: "Puntos",
  adjust_title: "Puntos de {name}",
  give_or_take: "Dar o quitar",
  give_points: "Dar puntos",
  take_points: "Quitar puntos",
  amount: "Cuántos",
  adjust_reason: "Motivo",
  adjust_reason_hint: "El miembro lo lee junto a sus puntos",
  error_amount: "Un número entero de 1 a {limit}.",
  error_reason: "Di por qué: el miembro lo lee.",
  adjusted_toast: "{name} tiene ahora {balance} puntos.",
  so_far: "Hasta ahora",
} satisfies Translation<typeof en>;
