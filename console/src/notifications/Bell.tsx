import { useEffect } from "preact/hooks";
import { onPersonLeft } from "../foundation/session/session";
import { kept } from "../foundation/store";
import { useMe } from "../me/queries";
import { number } from "../foundation/time";
import css from "./bell.module.css";
import { t } from "./words.notices";

const MOST = 99;

const takesPushes = (): boolean =>
  kept.read("push") !== undefined || (globalThis as { Notification?: typeof Notification }).Notification?.permission === "granted";

// Pushes were the person's: the browser takes none any more, whatever the server hears of it.
onPersonLeft(() => {
  if (takesPushes()) void import("./push").then((it) => it.stop()).catch(() => {});
});

/** The way to one's notices, with the number of those that were not seen. */
export default function Bell() {
  // Not known of a person whom an older version kept.
  const unread = useMe().data?.unread_notices ?? 0;
  useEffect(() => {
    // An address that the browser changed, a permission taken back, another person: noticed at the next start.
    if (takesPushes()) void import("./push").then((it) => it.heal()).catch(() => {});
  }, []);
  const label = t("bell", { count: unread });
  return (
    <a class={css.bell} href="/notifications" aria-label={label} title={label}>
      <svg width="22" height="22" viewBox="0 0 24 24" class="icon" aria-hidden="true" focusable="false">
        <path
          d="M6 17v-6a6 6 0 0 1 12 0v6l1.5 2h-15zM10 21.5h4"
          fill="none"
          stroke="currentColor"
          stroke-width="1.8"
          stroke-linecap="round"
          stroke-linejoin="round"
        />
      </svg>
      {unread > 0 ? <span class={css.count}>{unread > MOST ? `${MOST}+` : number(unread)}</span> : null}
    </a>
  );
}
