import { signal } from "@preact/signals";
import { kept } from "./store";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const chosen = kept.read<Theme>("theme");
export const theme = signal<Theme>(chosen && THEMES.includes(chosen) ? chosen : "system");

export function applyTheme(): void {
  const { dataset } = document.documentElement;
  if (theme.value === "system") delete dataset.theme;
  else dataset.theme = theme.value;
}

export function chooseTheme(next: Theme): void {
  theme.value = next;
  kept.write("theme", next === "system" ? undefined : next);
  applyTheme();
}
