/** The command menu and its words: fetched when it is first opened. */
import { withWords } from "../words";

const commands = {
  en: () => import("../locales/commands.en"),
  de: () => import("../locales/commands.de"),
  es: () => import("../locales/commands.es"),
};

export const commandMenu = withWords(() => import("./CommandMenu"), "further", commands);
