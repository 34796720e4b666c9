/** The console's icons, drawn on a grid of 24 with one stroke. Decorative: words stand beside them. */
const PATHS = {
  feed: "M5 4h14v10H5zM8 18h8M10 21h4",
  history: "M4 12a8 8 0 1 0 2.6-5.9L4 8.5M4 4v4.5h4.5M12 8v4.5l3 2",
  leaderboard: "M9.5 20V9h5v11M4 20v-7h5.5M14.5 20v-5H20v5M3 20h18M12 3v2.5",
  channels: "M4 7h16v10H9l-5 3.5zM8 10.5h8M8 13.5h5",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M13 4.5v5M7 14.5v5",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20c.8-3.6 3.7-5.5 7.5-5.5s6.7 1.9 7.5 5.5",
  people: "M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 19.5c.6-3.3 3.1-5 6.5-5s5.9 1.7 6.5 5M16 4.8a3.5 3.5 0 0 1 0 6.4M18 14.9c1.9.7 3.1 2.3 3.5 4.6",
  activities: "M4 5h16v14H4zM10 9.2v5.6l4.8-2.8z",
  campaign: "M4 10v4l3 .5L16 19V5L7 9.5zM19 9.5c1 1.4 1 3.6 0 5M8 14.8l1 4.7h3l-1-3.5",
  program: "M4 20V9l8-5 8 5v11zM9 20v-6h6v6",
  play: "M8 5v14l11-7z",
  send: "M4 12l16-8-5.5 16-3.3-6.5zM11.2 13.5L20 4",
  check: "M5 12.5l4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  more: "M5.5 12h.01M12 12h.01M18.5 12h.01",
  refresh: "M20 12a8 8 0 1 1-2.6-5.9L20 8.5M20 4v4.5h-4.5",
  alert: "M12 4l9 16H3zM12 10v4.5M12 17.2h.01",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5.3l3.3 2",
  star: "M12 3.5l2.6 5.4 5.9.8-4.3 4.1 1 5.9-5.2-2.8-5.2 2.8 1-5.9-4.3-4.1 5.9-.8z",
  inbox: "M4 13l2.5-8h11L20 13v6H4zM4 13h5l1 2.5h4l1-2.5h5",
  offline: "M3 3l18 18M8.5 8.2A7 7 0 0 1 17.3 12H18a4 4 0 0 1 3 6.6M17 19H7a4.5 4.5 0 0 1-1-8.9",
  plus: "M12 5v14M5 12h14",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l4.5 4.5",
  back: "M19 12H5M11 6l-6 6 6 6",
  down: "M6 9l6 6 6-6",
  external: "M10 5H5v14h14v-5M14 4h6v6M20 4l-9 9",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  globe: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3 12h18M12 3c2.5 2.5 3.7 5.5 3.7 9s-1.2 6.5-3.7 9c-2.5-2.5-3.7-5.5-3.7-9S9.5 5.5 12 3z",
  upload: "M12 16V4M7 9l5-5 5 5M4 16v4h16v-4",
  edit: "M4 20l1-4.5L16.5 4 20 7.5 8.5 19zM14 6.5l3.5 3.5",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5.5M14 11v5.5",
  archive: "M4 4h16v5H4zM5.5 9v11h13V9M10 13h4",
  mail: "M4 5h16v14H4zM4 6.5l8 6.5 8-6.5",
  leave: "M10 4H5v16h5M15 8l4 4-4 4M19 12H9",
  sparkle: "M12 3l1.9 6.1L20 11l-6.1 1.9L12 19l-1.9-6.1L4 11l6.1-1.9z",
  gift: "M4 9h16v4H4zM5.5 13v7h13v-7M12 9v11M12 9C8.5 9 7 8 7 6.4S9.6 4 12 9c2.4-5 5-4.2 5-2.6S15.5 9 12 9z",
  note: "M9.5 17.5V5.5l9-2v12M9.5 17.5a2.8 2.5 0 1 1-5.6 0 2.8 2.5 0 0 1 5.6 0zM18.5 15.5a2.8 2.5 0 1 1-5.6 0 2.8 2.5 0 0 1 5.6 0z",
} as const;

export type IconName = keyof typeof PATHS;

const MIRRORED: ReadonlySet<IconName> = new Set(["back", "leave", "send", "external"]);

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg
      class={MIRRORED.has(name) ? "icon mirrored" : "icon"}
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width={name === "more" ? 3 : 1.8}
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
