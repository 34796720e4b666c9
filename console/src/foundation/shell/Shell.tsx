import { useLocation } from "preact-iso";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { useMe } from "../../me/queries";
import { navigation, type Screen } from "../../routes";
import { later } from "../later";
import { sessionState } from "../session/session";
import { t } from "../t";
import { number } from "../time";
import { Icon } from "../ui/Icon";
import { IconButton } from "../ui/buttons";
import { Menu } from "../ui/Menu";
import { Avatar } from "../ui/parts";
import { Brand } from "./Brand";
import { withWords } from "../words";
import css from "./shell.module.css";

const CommandMenu = later(async () => (await import("../commands/entry")).commandMenu());
const loadBell = withWords(() => import("../../notifications/Bell"), "notices");
// The bar has no room for words about a bell that could not be loaded.
const Bell = later(() => loadBell().catch(() => ({ default: () => null })));
const isApple = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.platform);

/** The navigation around every screen: tabs below on a phone, a column beside on a desktop. */
export function Shell({ children }: { children: ComponentChildren }) {
  const me = useMe().data;
  const isManager = me?.role === "manager";
  const rewards = me?.program.rewards ?? false;
  const [commanding, setCommanding] = useState(false);
  // A layout effect: the key works from the moment the button beside it is seen.
  useLayoutEffect(() => {
    if (!me) return;
    const press = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
      event.preventDefault();
      // A person who has to answer a dialog first cannot go elsewhere.
      if (!document.querySelector("dialog:modal")) setCommanding(true);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [!me]);
  const command = (): void => setCommanding(true);
  return (
    <div class={css.shell}>
      <a class={css.skip} href="#main">
        {t("skip_to_content")}
      </a>
      <header class={css.top}>
        <Brand name={me?.program.name ?? t("app_name")} />
        {me ? <Bell /> : null}
        {me ? <Points amount={me.points.balance} /> : null}
        {me ? <IconButton icon="search" label={t("nav_command")} onClick={command} /> : null}
        {isManager ? <ManagerMenu rewards={rewards} /> : null}
      </header>
      <nav class={css.nav} aria-label={t("nav_main")}>
        <div class={css.side}>
          <Brand name={me?.program.name ?? t("app_name")} />
        </div>
        {me ? (
          <button type="button" class={css.command} aria-keyshortcuts="Control+K Meta+K" onClick={command}>
            <Icon name="search" size={18} />
            <span>{t("nav_command")}</span>
            <kbd aria-hidden="true">{isApple ? "⌘K" : "Ctrl K"}</kbd>
          </button>
        ) : null}
        <NavList screens={navigation("member", rewards)} />
        {isManager ? (
          <div class={css.managerSection}>
            <h2 class={css.sectionTitle}>{t("nav_manager_section")}</h2>
            <NavList screens={navigation("manager", rewards)} />
          </div>
        ) : null}
        {me ? (
          <div class={`${css.side} ${css.sideFoot}`}>
            <a class={css.me} href="/settings">
              <Avatar name={me.name} id={me.member_id} size="2.25rem" />
              <span>
                <strong>
                  <bdi>{me.name}</bdi>
                </strong>
              </span>
            </a>
            <div class={css.brand}>
              <Points amount={me.points.balance} />
              <Bell />
            </div>
          </div>
        ) : null}
      </nav>
      <main id="main" class={css.main} tabIndex={-1}>
        {sessionState.value === "offline" ? (
          <p class={css.banner} role="status">
            <Icon name="offline" />
            {t("offline_banner")}
          </p>
        ) : null}
        {children}
      </main>
      {commanding ? <CommandMenu onClose={() => setCommanding(false)} onOpen={command} /> : null}
    </div>
  );
}

function Points({ amount }: { amount: number }) {
  return (
    <a class={css.points} href="/points" aria-label={t("points_amount", { count: amount })}>
      <Icon name="sparkle" size={16} />
      {number(amount)}
    </a>
  );
}

function NavList({ screens }: { screens: (Screen & { nav: NonNullable<Screen["nav"]> })[] }) {
  const { path } = useLocation();
  return (
    <ul class={css.list}>
      {screens.map((screen) => (
        <li key={screen.path}>
          <a
            class={css.link}
            href={screen.path}
            aria-current={isCurrent(screen.path, path) ? "page" : undefined}
            onPointerEnter={() => void screen.load().catch(() => undefined)}
          >
            <span class={css.glyph}>
              <Icon name={screen.nav.icon} size={22} />
            </span>
            <span>{t(screen.nav.label)}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}

/** A screen is also current on the pages below it, `/` and the manager's first page only on themselves. */
function isCurrent(screen: string, path: string): boolean {
  if (screen === path) return true;
  return screen !== "/" && screen !== "/manage" && path.startsWith(`${screen}/`);
}

function ManagerMenu({ rewards }: { rewards: boolean }) {
  const items = navigation("manager", rewards).map((screen) => ({
    label: t(screen.nav.label),
    icon: screen.nav.icon,
    href: screen.path,
  }));
  return (
    <Menu label={t("nav_manager_section")} items={items} class={css.menuButton}>
      <Icon name="activities" size={22} />
    </Menu>
  );
}
