import css from "./shell.module.css";

/** Greenroom's mark: an open door with light in it, drawn here. */
export function Mark({ size = 32 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false" class="icon">
      <rect width="32" height="32" rx="9" fill="#0a6b45" />
      <path d="M9 25V9.5A2.5 2.5 0 0 1 11.5 7h9A2.5 2.5 0 0 1 23 9.5V25" fill="none" stroke="#bff0d8" stroke-width="2.2" stroke-linecap="round" />
      <path d="M13 12.3v7.4a.8.8 0 0 0 1.2.7l6.2-3.7a.8.8 0 0 0 0-1.4l-6.2-3.7a.8.8 0 0 0-1.2.7z" fill="#ffd27a" />
      <path d="M6 25h20" stroke="#bff0d8" stroke-width="2.2" stroke-linecap="round" />
    </svg>
  );
}

export function Brand({ name = "Greenroom", inverse }: { name?: string; inverse?: boolean }) {
  return (
    <span class={inverse ? `${css.brand} ${css.inverse}` : css.brand}>
      <Mark />
      <span title={name}>{name}</span>
    </span>
  );
}
