import type { ComponentChildren, JSX } from "preact";
import { Icon, type IconName } from "./Icon";
import css from "./ui.module.css";

type Look = {
  kind?: "primary" | "secondary" | "quiet" | "danger";
  size?: "normal" | "small";
  wide?: boolean;
  icon?: IconName;
};

function classOf({ kind = "secondary", size, wide }: Look, iconOnly = false): string {
  return [
    css.button,
    css[kind],
    size === "small" && css.small,
    wide && css.wide,
    iconOnly && css.iconOnly,
  ]
    .filter(Boolean)
    .join(" ");
}

type ButtonProps = Look & {
  children: ComponentChildren;
  /** At work: keeps its focus and its place, takes no second press. */
  busy?: boolean;
} & Omit<JSX.ButtonHTMLAttributes<HTMLButtonElement>, "size" | "icon">;

/** A button that, while disabled or busy, can still be reached and read, but not pressed. */
export function Button({ kind, size, wide, icon, busy, disabled, children, onClick, ...rest }: ButtonProps) {
  const still = Boolean(disabled) || Boolean(busy);
  return (
    <button
      type="button"
      {...rest}
      class={classOf({ kind, size, wide } as Look)}
      aria-disabled={still ? "true" : undefined}
      aria-busy={busy ? "true" : undefined}
      onClick={(event) => {
        if (still) event.preventDefault();
        else onClick?.call(event.currentTarget, event);
      }}
    >
      {busy ? <span class={css.spinner} aria-hidden="true" /> : icon ? <Icon name={icon} /> : null}
      {children}
    </button>
  );
}

type IconButtonProps = Look & { label: string; icon: IconName } & Omit<
    JSX.ButtonHTMLAttributes<HTMLButtonElement>,
    "size" | "icon" | "label"
  >;

export function IconButton({ kind = "quiet", size, label, icon, ...rest }: IconButtonProps) {
  return (
    <button type="button" title={label} aria-label={label} {...rest} class={classOf({ kind, size } as Look, true)}>
      <Icon name={icon} />
    </button>
  );
}

type LinkButtonProps = Look & { href: string; children: ComponentChildren } & Omit<
    JSX.AnchorHTMLAttributes<HTMLAnchorElement>,
    "size" | "icon" | "href"
  >;

/** A link that looks like a button: it leads somewhere, it does nothing. */
export function LinkButton({ kind, size, wide, icon, children, ...rest }: LinkButtonProps) {
  return (
    <a {...rest} class={classOf({ kind, size, wide } as Look)}>
      {icon ? <Icon name={icon} /> : null}
      {children}
    </a>
  );
}
