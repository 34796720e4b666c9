/**
 * Words in catalogues. Each package has `words.en.ts`, `words.de.ts` and `words.es.ts` for its
 * member's screens and `words.manager.*.ts` for its manager's; `words.ts` beside them makes the
 * typed function that its screens call. Ten bundles per language are loaded: `member`, the feed's
 * and the shell's words, at the start; `further`, of problems and of what no other bundle names, with
 * any other screen; `sends`, of sending, `settings`, of settings and TikTok accounts, and `mine`, of
 * a member's points, rewards, channels and data, with the screens that show them; `manager` with the
 * first manager's screen, `program` with those of people, channels and campaigns, and
 * `office` with those of reports, rewards, webhooks, the audit trail and members' data; `notices` with
 * the bell; `session` with the ways in.
 * `locales/` says which catalogues a bundle has: `src/activities/words.manager.en.ts` is `activities.manager`.
 *
 * A text may hold `{name}` places. A text that depends on a number is an object of plural forms;
 * the number is called `count`.
 */
import { signal } from "@preact/signals-core";
import { kept } from "./store";

export const LANGUAGES = ["en", "de", "es"] as const;
export type Language = (typeof LANGUAGES)[number];
export type Plural = { one: string; other: string };
export type Text = string | Plural;
export type Catalogue = Record<string, Text>;
/** What a translation has to have: a text for every key, in as many forms as the original. */
export type Translation<C extends Record<string, Text>> = {
  [Key in keyof C]: C[Key] extends string ? string : Plural;
};
export type Bundle = "member" | "further" | "sends" | "settings" | "mine" | "manager" | "program" | "office" | "notices" | "session";
export type Values = Record<string, string | number>;

type Loaders = Record<Language, () => Promise<{ default: Record<string, Catalogue> }>>;
/** A bundle by name, or, of a part that few people ever see, by what loads it: that costs the first screen nothing. */
type Loadable = Bundle | Loaders;

const LOADERS: Record<Bundle, Loaders> = {
  member: {
    en: () => import("./locales/member.en"),
    de: () => import("./locales/member.de"),
    es: () => import("./locales/member.es"),
  },
  further: {
    en: () => import("./locales/further.en"),
    de: () => import("./locales/further.de"),
    es: () => import("./locales/further.es"),
  },
  sends: {
    en: () => import("./locales/sends.en"),
    de: () => import("./locales/sends.de"),
    es: () => import("./locales/sends.es"),
  },
  settings: {
    en: () => import("./locales/settings.en"),
    de: () => import("./locales/settings.de"),
    es: () => import("./locales/settings.es"),
  },
  mine: {
    en: () => import("./locales/mine.en"),
    de: () => import("./locales/mine.de"),
    es: () => import("./locales/mine.es"),
  },
  manager: {
    en: () => import("./locales/manager.en"),
    de: () => import("./locales/manager.de"),
    es: () => import("./locales/manager.es"),
  },
  program: {
    en: () => import("./locales/program.en"),
    de: () => import("./locales/program.de"),
    es: () => import("./locales/program.es"),
  },
  office: {
    en: () => import("./locales/office.en"),
    de: () => import("./locales/office.de"),
    es: () => import("./locales/office.es"),
  },
  notices: {
    en: () => import("./locales/notices.en"),
    de: () => import("./locales/notices.de"),
    es: () => import("./locales/notices.es"),
  },
  session: {
    en: () => import("./locales/session.en"),
    de: () => import("./locales/session.de"),
    es: () => import("./locales/session.es"),
  },
};

function preferred(): Language {
  const chosen = kept.read<Language>("language");
  if (chosen && LANGUAGES.includes(chosen)) return chosen;
  for (const tag of typeof navigator === "undefined" ? [] : navigator.languages) {
    const language = LANGUAGES.find((each) => tag.toLowerCase().startsWith(each));
    if (language) return language;
  }
  return "en";
}

export const language = signal<Language>(preferred());
const catalogues = signal<Record<string, Catalogue>>({});
const loaded = new Set<Loadable>();

/** The tag for `Intl`: the browser's own variant of the language, such as de-AT, if it has one. */
export function localeTag(): string {
  const all = typeof navigator === "undefined" ? [] : navigator.languages;
  return all.find((tag) => tag.toLowerCase().startsWith(language.value)) ?? language.value;
}

async function load(bundle: Loadable, tongue: Language): Promise<Record<string, Catalogue>> {
  return (await (typeof bundle === "string" ? LOADERS[bundle] : bundle)[tongue]()).default;
}

export async function loadWords(bundle: Loadable): Promise<void> {
  if (loaded.has(bundle)) return;
  const tongue = language.peek();
  const added = await load(bundle, tongue);
  if (tongue !== language.peek()) return loadWords(bundle); // another language was chosen meanwhile
  loaded.add(bundle);
  catalogues.value = { ...catalogues.value, ...added };
  if (typeof document !== "undefined") document.documentElement.lang = language.value;
}

/** Loads a module together with the words that it shows. */
export function withWords<M>(load: () => Promise<M>, ...bundles: Loadable[]): () => Promise<M> {
  return async () => (await Promise.all([load(), ...bundles.map(loadWords)]))[0];
}

export async function chooseLanguage(chosen: Language): Promise<void> {
  let count: number;
  let bundles: Record<string, Catalogue>[];
  do {
    count = loaded.size;
    bundles = await Promise.all([...loaded].map((bundle) => load(bundle, chosen)));
  } while (count < loaded.size); // a bundle arrived meanwhile, in the language before
  kept.write("language", chosen);
  language.value = chosen;
  catalogues.value = Object.assign({}, ...bundles) as Record<string, Catalogue>;
  document.documentElement.lang = chosen;
}

export function format(text: Text, values: Values, tongue: string): string {
  let form: string;
  if (typeof text === "string") form = text;
  else form = text[new Intl.PluralRules(tongue).select(Number(values.count)) === "one" ? "one" : "other"];
  return form.replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = values[name];
    if (value === undefined) return place;
    if (typeof value === "number") return new Intl.NumberFormat(tongue).format(value);
    // A name from right to left keeps to itself: it turns round nothing of the sentence around it.
    return /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/.test(value) ? `\u2068${value}\u2069` : value;
  });
}

/** Makes a package's `t`. Reading it inside a component subscribes to a change of language. */
export function words<C extends Catalogue>(namespace: string): {
  (key: keyof C & string, values?: Values): string;
  has(key: string): key is keyof C & string;
} {
  const t = (key: keyof C & string, values: Values = {}): string => {
    const text = catalogues.value[namespace]?.[key];
    return text === undefined ? key : format(text, values, localeTag());
  };
  return Object.assign(t, {
    has: (key: string): key is keyof C & string => catalogues.value[namespace]?.[key] !== undefined,
  });
}
