import type { Translation } from "../foundation/words";
import type en from "./words.en";

export default {
  title: "Ajustes",
  profile: "Perfil",
  name: "Nombre",
  name_hint: "Se ve en las clasificaciones y lo ven los gestores.",
  name_missing: "Escribe un nombre.",
  email: "Correo electrónico",
  email_hint: "Entras con él. Tu gestor puede invitar a otro.",
  zone: "Zona horaria",
  zone_hint: "Los finales y las fechas se muestran en ella.",
  zone_other: "Este dispositivo está en {zone}. ¿La usamos?",
  zone_take: "Usar {zone}",
  save: "Guardar",
  saved: "Guardado.",
  points_balance: "Puntos para gastar",
  points_earned: "Puntos ganados",

  accounts: "Mis cuentas sociales",
  appearance: "Aspecto",
  language: "Idioma",
  theme: "Tema",
  theme_system: "Como el dispositivo",
  theme_light: "Claro",
  theme_dark: "Oscuro",

  second_step: "Segundo paso al entrar",
  data: "Tus datos",
  data_text: "Descárgalos, sal del programa o pide que se borren.",

  sign_out_section: "Salir",
  sign_out_text: "Se olvida lo que este navegador guarda de ti.",
  sign_out: "Salir",
  everywhere: "Salir en todas partes",
  everywhere_text: "Termina tus sesiones en todos los navegadores y dispositivos. La que esté abierta en otro sitio termina en menos de una hora.",
} satisfies Translation<typeof en>;
