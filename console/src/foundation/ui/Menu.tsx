import type { ComponentChildren } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./Icon";
import css from "./ui.module.css";

export type MenuItem = {
  label: string;
  icon?: IconName;
  href?: string;
  onSelect?: () => void;
  dangerous?: boolean;
  disabled?: boolean;
};

type MenuProps = {
  /** Of the button, for screen readers; `children` is what is seen in it. */
  label: string;
  items: MenuItem[];
  children: ComponentChildren;
  class?: string;
};

/**
 * A menu on the popover API: light dismissal and Escape are the browser's, arrow keys are ours. While
 * it is open its entries stay as they were: one that is swapped under the finger would be done unseen.
 */
export function Menu({ label, items, children, class: className }: MenuProps) {
  const [held, hold] = useState<MenuItem[]>();
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);

  const entries = (): HTMLElement[] => [...(list.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];

  const place = (): void => {
    if (!button.current || !list.current) return;
    const anchor = button.current.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = list.current;
    const rtl = getComputedStyle(button.current).direction === "rtl";
    const margin = 8;
    const left = rtl ? anchor.left : anchor.right - width;
    const below = anchor.bottom + 4 + height <= innerHeight - margin;
    const top = below ? anchor.bottom + 4 : Math.max(margin, anchor.top - 4 - height);
    list.current.style.left = `${Math.min(Math.max(margin, left), innerWidth - width - margin)}px`;
    list.current.style.top = `${top}px`;
  };

  const move = (event: KeyboardEvent): void => {
    const all = entries();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = {
      ArrowDown: (at + 1) % all.length,
      ArrowUp: (at - 1 + all.length) % all.length,
      Home: 0,
      End: all.length - 1,
    }[event.key];
    if (event.key === "Tab") list.current?.hidePopover();
    if (to === undefined) return;
    event.preventDefault();
    all[to]?.focus();
  };

  const select = (item: MenuItem): void => {
    list.current?.hidePopover();
    item.onSelect?.();
  };

  return (
    <>
      <button
        ref={button}
        type="button"
        class={className ?? `${css.button} ${css.quiet} ${css.iconOnly}`}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        popovertarget={id}
        onKeyDown={(event) => {
          if (event.key !== "ArrowDown") return;
          event.preventDefault();
          list.current?.showPopover();
        }}
      >
        {children}
      </button>
      <div
        ref={list}
        id={id}
        popover="auto"
        role="menu"
        aria-label={label}
        class={css.menu}
        onBeforeToggle={(event) => hold(event.newState === "open" ? items : undefined)}
        onToggle={(event) => {
          if (event.newState !== "open") return;
          place();
          entries()[0]?.focus();
        }}
        onKeyDown={move}
      >
        {(held ?? items).map((item) => {
          const look = item.dangerous ? `${css.menuItem} ${css.bad}` : css.menuItem;
          const content = (
            <>
              {item.icon ? <Icon name={item.icon} /> : null}
              {item.label}
            </>
          );
          return item.href ? (
            <a key={item.label} role="menuitem" tabIndex={-1} class={look} href={item.href} onClick={() => select(item)}>
              {content}
            </a>
          ) : (
            <button
              key={item.label}
              type="button"
              role="menuitem"
              tabIndex={-1}
              class={look}
              aria-disabled={item.disabled ? "true" : undefined}
              onClick={() => !item.disabled && select(item)}
            >
              {content}
            </button>
          );
        })}
      </div>
    </>
  );
}
