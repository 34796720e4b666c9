/** Parts for tables, tabs and progress: most screens of members do without them. */
import type { ComponentChildren, JSX } from "preact";
import { useId, useRef } from "preact/hooks";
import own from "./data.module.css";
import shared from "./segments.module.css";

const css = { ...shared, ...own };

export type Column<Row> = {
  label: string;
  numeric?: boolean;
  cell: (row: Row) => ComponentChildren;
  hidden?: boolean;
  /** No wider than what is in it; at the end of a row, for what may be done with it. */
  narrow?: boolean;
  /** Left out where there is no room for it; then another cell has to say what matters of it. */
  wide?: boolean;
};

/** Up and down go to what is in the same place of the next row, as in a spreadsheet. */
function moveByRow(event: JSX.TargetedKeyboardEvent<HTMLTableSectionElement>): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const focused = event.target as HTMLElement;
  const rows = [...event.currentTarget.rows];
  const at = rows.findIndex((row) => row.contains(focused));
  const inRow = (row: HTMLTableRowElement | undefined): HTMLElement[] => [
    ...(row?.querySelectorAll<HTMLElement>("td > a, td > button, td > * > a") ?? []),
  ];
  const place = inRow(rows[at]).indexOf(focused);
  const next = step === undefined || place < 0 ? undefined : inRow(rows[at + step])[place];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

function cellClass<Row>({ numeric, wide, narrow }: Column<Row>): string | undefined {
  return [numeric && css.numeric, wide && css.wideOnly, narrow && css.narrow].filter(Boolean).join(" ") || undefined;
}

export function Table<Row>({
  caption,
  columns,
  rows,
  rowKey,
}: {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string;
}) {
  return (
    <div class={css.tableBox} tabIndex={0} role="region" aria-label={caption}>
      <table class={css.table}>
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.label} scope="col" class={cellClass(column)}>
                {column.hidden ? <span class="visually-hidden">{column.label}</span> : column.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody onKeyDown={moveByRow}>
          {rows.map((row) => (
            <tr key={rowKey(row)}>
              {columns.map((column) => (
                <td key={column.label} class={cellClass(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Progress({ label, value }: { label: string; value: number | undefined }) {
  return <progress class={css.progress} aria-label={label} max={1} {...(value === undefined ? {} : { value })} />;
}


type Tab<T extends string> = { value: T; label: string; panel: () => ComponentChildren };

/** Tabs with a panel each, by the pattern of the ARIA practices: arrow keys choose. */
export function Tabs<T extends string>({
  label,
  tabs,
  value,
  onChange,
}: {
  label: string;
  tabs: Tab<T>[];
  value: T;
  onChange: (value: T) => void;
}) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const chosen = tabs.find((tab) => tab.value === value) ?? tabs[0];

  const move = (event: KeyboardEvent): void => {
    const at = tabs.findIndex((tab) => tab.value === value);
    const rtl = list.current !== null && getComputedStyle(list.current).direction === "rtl";
    const steps: Record<string, number> = { ArrowRight: rtl ? -1 : 1, ArrowLeft: rtl ? 1 : -1 };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = tabs[(at + step + tabs.length) % tabs.length];
    if (!next) return;
    onChange(next.value);
    list.current?.querySelector<HTMLElement>(`[data-tab="${next.value}"]`)?.focus();
  };

  return (
    <>
      <div ref={list} class={css.tabs} role="tablist" aria-label={label} onKeyDown={move}>
        {tabs.map((tab) => (
          <button
            key={tab.value}
            type="button"
            role="tab"
            id={`${id}-${tab.value}`}
            data-tab={tab.value}
            aria-selected={tab.value === value}
            aria-controls={`${id}-panel`}
            tabIndex={tab.value === value ? 0 : -1}
            class={css.tab}
            onClick={() => onChange(tab.value)}
          >
            {tab.label}
          </button>
        ))}
      </div>
      <div id={`${id}-panel`} role="tabpanel" aria-labelledby={`${id}-${value}`} tabIndex={0}>
        {chosen?.panel()}
      </div>
    </>
  );
}
