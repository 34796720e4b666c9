import { useLocation } from "preact-iso";
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { useMe } from "../../me/queries";
import { later } from "../later";
import { leave } from "../leave";
import { problemWords } from "../problem_words";
import { t as shared } from "../t";
import { IconButton } from "../ui/buttons";
import { Icon } from "../ui/Icon";
import { Toasts } from "../ui/toasts";
import { language } from "../words";
import { t } from "../words.commands";
import { actions, screens } from "./actions";
import type { Command, Group, Thing } from "./command";
import css from "./commands.module.css";
import type { Findings } from "./Finder";
import { fits } from "./fits";
import { type OnScreen, useOnScreen } from "./on_screen";
import { reveal } from "./reveal";

const Finder = later(() => import("./Finder"));
const NOTHING: Findings = { groups: [], busy: false, error: undefined, lookedAt: undefined };
/** Of what is done on the screen; more is narrowed down by typing. */
const MOST_UNTYPED = 8;
const MOST = 50;
const PAGE = 8;
const TELLING_MS = 400;
/** Names of menus are cut off there, at the earliest. */
const CUT = 60;

/** The thing whose actions are shown, from when it was chosen until the menu is open on its screen. */
let next: Thing | undefined;

type Props = { onClose: () => void; onOpen: () => void };

/** Every screen and every action by a few letters of its name. */
export default function CommandMenu({ onClose, onOpen }: Props) {
  const { route } = useLocation();
  const [text, setText] = useState("");
  const [about, setAbout] = useState(next);
  const [chosenId, choose] = useState<string>();
  const [found, setFound] = useState(NOTHING);
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const me = useMe().data;
  const manager = me?.role === "manager";
  const rewards = me?.program.rewards ?? false;
  const here = useOnScreen();

  useLayoutEffect(() => {
    next = undefined;
    dialog.current?.showModal();
    return fitToKeyboard(dialog.current);
  }, []);

  const go = (to: string): void =>
    leave(() => {
      route(to);
      reveal(to.split("#")[1]);
    });
  const show = (thing: Thing): void =>
    leave(() => {
      route(thing.at);
      next = thing;
      setTimeout(onOpen); // once this one is gone
    });
  const known = useMemo((): Group[] => {
    const who = { manager, rewards };
    return [
      { title: t("screens"), commands: screens(who, go) },
      { title: t("actions"), commands: actions(who, go) },
    ];
  }, [manager, rewards, language.value]);

  const typed = text.trim();
  const fitting = <C extends Command>(commands: C[]): C[] => commands.filter((each) => fits(`${each.label} ${each.hint ?? ""}`, text));
  const shown = (about ? ofThing(here.title, here.commands, about) : everything()).filter(({ commands }) => commands.length > 0);
  function ofThing(title: string, commands: OnScreen[], { name }: Thing): Group[] {
    // All of a screen that is the thing's own; of a list, what its row has.
    const own = title === name ? commands : commands.filter(({ hint = "" }) => hint !== "" && (hint === name || (hint.length >= CUT && name.startsWith(hint))));
    const plain = own.map((each) => (each.hint && name.startsWith(each.hint) ? { ...each, hint: "" } : each));
    return [{ title: name, commands: fitting(plain) }];
  }
  function everything(): Group[] {
    const onPage = fitting(here.commands.filter((each) => !each.inList)).slice(0, typed ? MOST : MOST_UNTYPED);
    const said = new Set(onPage.map(({ label }) => label));
    return [
      { title: t("here"), commands: onPage },
      ...known.map(({ title, commands }) => ({ title, commands: fitting(commands).filter(({ label }) => !said.has(label)) })),
      ...found.groups,
      { title: t("in_lists"), commands: typed ? fitting(here.commands.filter((each) => each.inList)).slice(0, MOST) : [] },
    ];
  }
  const flat = shown.flatMap(({ commands }) => commands);
  // By its id: what is found later comes in above it, and must not be what Enter opens.
  const at = Math.max(flat.findIndex((each) => each.id === chosenId), 0);
  const chosen = flat[at];
  const none = found.error ? problemWords(found.error) : t(found.busy ? "searching" : "nothing");
  const told = useTold(flat.length > 0 ? t("results", { count: flat.length }) : none, typed || about ? `${text}${about?.at}` : "");

  useEffect(() => {
    if (chosen) document.getElementById(`${id}-${chosen.id}`)?.scrollIntoView({ block: "nearest" });
  }, [chosen?.id]);

  const run = (command: Command | undefined): void => {
    if (!command) return;
    // Closed first, so that the focus is where it was, and what opens may take it.
    dialog.current?.close();
    onClose();
    command.run();
  };
  const move = (event: KeyboardEvent): void => {
    if (event.isComposing) return;
    const last = flat.length - 1;
    const to = {
      ArrowDown: at === last ? 0 : at + 1,
      ArrowUp: at === 0 ? last : at - 1,
      PageDown: Math.min(at + PAGE, last),
      PageUp: Math.max(at - PAGE, 0),
    }[event.key];
    if (event.key === "Enter") {
      event.preventDefault();
      run(chosen);
    } else if (event.key === "Backspace" && text === "") {
      setAbout(undefined);
    } else if (to !== undefined && flat.length > 0) {
      event.preventDefault();
      choose(flat[to]?.id);
    }
  };
  return (
    <dialog
      ref={dialog}
      class={css.box}
      aria-label={t("command_menu")}
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <div class={css.search}>
        <Icon name="search" />
        <input
          type="text"
          role="combobox"
          aria-expanded={flat.length > 0}
          aria-controls={`${id}-list`}
          aria-activedescendant={chosen ? `${id}-${chosen.id}` : undefined}
          aria-autocomplete="list"
          aria-label={about ? t("actions_of", { name: about.name }) : t("command_search")}
          placeholder={about ? t("actions_of", { name: about.name }) : t("command_search")}
          autocomplete="off"
          spellcheck={false}
          enterkeyhint="go"
          autofocus
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            choose(undefined);
          }}
          onKeyDown={move}
        />
        <IconButton icon="close" label={shared("close")} onClick={() => dialog.current?.close()} />
      </div>
      <div class={css.list} id={`${id}-list`} role="listbox" aria-label={t("command_menu")} tabIndex={-1}>
        {shown.map(({ title, commands }) => (
          <div key={title} role="group" aria-label={title}>
            <div class={css.group} aria-hidden="true">
              <bdi>{title}</bdi>
            </div>
            {commands.map((command) => (
              <div
                key={command.id}
                id={`${id}-${command.id}`}
                role="option"
                aria-selected={command === chosen}
                class={css.entry}
                onMouseMove={() => choose(command.id)}
                onClick={() => run(command)}
              >
                <Drawing of={command} />
                <bdi>{command.label}</bdi>
                {command.hint ? (
                  <small>
                    <bdi>{command.hint}</bdi>
                  </small>
                ) : null}
              </div>
            ))}
          </div>
        ))}
      </div>
      {flat.length === 0 ? <p class={css.none}>{none}</p> : null}
      {found.lookedAt && !about ? <p class={css.none}>{t("newest_only", { count: found.lookedAt })}</p> : null}
      <p class="visually-hidden" role="status">
        {told}
      </p>
      <div class={css.foot} aria-hidden="true">
        <span>
          <kbd>↑</kbd> <kbd>↓</kbd> {t("key_move")}
        </span>
        <span>
          <kbd>↵</kbd> {t("key_open")}
        </span>
        <span>
          <kbd>Esc</kbd> {t("key_close")}
        </span>
      </div>
      {manager && !about ? <Finder typed={text} rewards={rewards} go={go} show={show} onFound={setFound} /> : null}
      <Toasts />
    </dialog>
  );
}

/** The words about the results that are read aloud, once typing and searching rest. */
function useTold(words: string, of: string): string {
  const [told, setTold] = useState("");
  useEffect(() => {
    if (!of) return;
    // Emptied first: the same number of other results is news, too.
    setTold("");
    const timer = setTimeout(() => setTold(words), TELLING_MS);
    return () => clearTimeout(timer);
  }, [words, of]);
  return told;
}

function Drawing({ of: { icon } }: { of: Command }) {
  if (typeof icon === "string") return <Icon name={icon} />;
  return <span class={css.drawing} aria-hidden="true" ref={(place) => place?.replaceChildren(icon.cloneNode(true))} />;
}

/** A phone's keyboard covers the page and leaves its height as it is. */
function fitToKeyboard(box: HTMLElement | null): () => void {
  const { visualViewport: seen } = window;
  const fit = (): void => box?.style.setProperty("--seen", `${seen?.height ?? innerHeight}px`);
  fit();
  seen?.addEventListener("resize", fit);
  return () => seen?.removeEventListener("resize", fit);
}
