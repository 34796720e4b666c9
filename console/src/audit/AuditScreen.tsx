import { useLocation } from "preact-iso";
import { useState } from "preact/hooks";
import { dateTime, zone } from "../foundation/time";
import { Button } from "../foundation/ui/buttons";
import { type Column, Table } from "../foundation/ui/data";
import { Dialog } from "../foundation/ui/Dialog";
import { Select, TextField } from "../foundation/ui/fields";
import { Filters, List } from "../foundation/ui/pages";
import { EmptyState, ErrorState, Loading, PageHead, Skeleton } from "../foundation/ui/parts";
import { readWallClock } from "../foundation/wall_clock";
import manage from "../programs/manage.module.css";
import { useMe } from "../me/queries";
import { CsvButton } from "../reports/parts";
import { isOfRewards } from "../rewards/switch";
import { type Entry, type Filter, KINDS, useEntries, useEntry, useNames } from "./queries";
import css from "./audit.module.css";
import { t } from "./words.manager";

type Names = Record<string, string>;
const SOMETHING = "…";
const keyOf = (kind: string): string => `did_${kind.replace(".", "_")}`;
const isMember = (id: string): boolean => id.startsWith("mem_");

function whoOf({ actor, member_id: id }: Entry, names: Names): string {
  if (id) return names[id] ?? t("former");
  return actor.startsWith("command:") ? t("owner") : t("system");
}

function thingOf({ thing, title }: Entry, names: Names): string {
  return isMember(thing) && !title ? (names[thing] ?? t("former")) : title || thing;
}

function told(kind: string, who: string, thing: string): string {
  const key = keyOf(kind);
  return t.has(key) ? t(key, { who, thing }) : t("act", { who, thing, kind });
}

function sentence(entry: Entry, names: Names): string {
  return told(entry.kind, whoOf(entry, names), thingOf(entry, names));
}

/** Days as the reader has them, as the instants that they begin and end at. */
function instantOf(day: string | undefined, after = 0): string | undefined {
  if (!day || !/^\d{4}-\d{2}-\d{2}$/.test(day)) return undefined;
  const next = new Date(Date.parse(`${day}T00:00:00Z`) + after * 86_400_000).toISOString().slice(0, 10);
  const found = readWallClock(`${next}T00:00`, zone.value);
  return new Date(found.kind === "instant" ? found.at : Date.parse(`${next}T00:00:00Z`)).toISOString();
}

function filterOf(query: Record<string, string>): Filter {
  const kind = KINDS.find((each) => each === query.kind);
  const [since, until] = [instantOf(query.from), instantOf(query.to, 1)];
  return {
    ...(query.actor ? { actor: query.actor } : {}),
    ...(query.thing ? { thing: query.thing } : {}),
    ...(kind ? { kind } : {}),
    ...(since ? { since } : {}),
    ...(until ? { until } : {}),
  };
}

export default function AuditScreen() {
  const { query, route } = useLocation();
  const filter = filterOf(query);
  const list = useEntries(filter);
  const rewards = useMe().data?.program.rewards ?? true;
  const kinds = KINDS.filter((each) => rewards || !isOfRewards(each) || each === filter.kind);
  const entries = list.data?.pages.flatMap((page) => page.items) ?? [];
  const named = [...entries.flatMap((each) => [each.thing, each.member_id ?? ""]), filter.actor ?? "", filter.thing ?? ""];
  const names = useNames(named.filter(isMember));
  const [shown, setShown] = useState<Entry>();
  const choose = (changed: Record<string, string>): void => {
    const all = { ...query, ...changed };
    const kept = Object.entries(all).filter(([, value]) => value);
    route(`/manage/audit${kept.length ? `?${new URLSearchParams(kept).toString()}` : ""}`, true);
    setShown(undefined);
  };
  const known = entries.find((each) => each.thing === filter.thing);
  return (
    <>
      <PageHead title={t("title")} actions={<CsvButton wanted={{ report: "audit", ...filter }} />}>
        {t("text")}
      </PageHead>
      <Filters>
        <Select label={t("kind")} value={filter.kind ?? ""} onChange={({ currentTarget }) => choose({ kind: currentTarget.value })}>
          <option value="">{t("any_kind")}</option>
          {kinds.map((kind) => (
            <option key={kind} value={kind}>
              {told(kind, SOMETHING, SOMETHING)}
            </option>
          ))}
        </Select>
        <Select label={t("who")} value={filter.actor ?? ""} onChange={({ currentTarget }) => choose({ actor: currentTarget.value })}>
          <option value="">{t("anybody")}</option>
          <option value="command">{t("owner")}</option>
          <option value="system">{t("system")}</option>
          {filter.actor && isMember(filter.actor) ? (
            <option value={filter.actor}>{t("one_person", { name: names[filter.actor] ?? t("former") })}</option>
          ) : null}
        </Select>
        {filter.thing ? (
          <Select label={t("about")} value={filter.thing} onChange={({ currentTarget }) => choose({ thing: currentTarget.value })}>
            <option value="">{t("all_things")}</option>
            <option value={filter.thing}>
              {t("one_thing", { name: known ? thingOf(known, names) : filter.thing })}
            </option>
          </Select>
        ) : null}
        <TextField type="date" label={t("from")} value={query.from ?? ""} onChange={({ currentTarget }) => choose({ from: currentTarget.value })} />
        <TextField type="date" label={t("to")} value={query.to ?? ""} onChange={({ currentTarget }) => choose({ to: currentTarget.value })} />
      </Filters>
      <List list={list} count={entries.length} row="3.5rem" empty={<EmptyState icon="check" title={t("none")} />}>
        <EntryTable entries={entries} names={names} onShow={setShown} />
      </List>
      {shown ? <Details entry={shown} names={names} onClose={() => setShown(undefined)} onChoose={choose} /> : null}
    </>
  );
}

function EntryTable({ entries, names, onShow }: { entries: Entry[]; names: Names; onShow: (entry: Entry) => void }) {
  const columns: Column<Entry>[] = [
    {
      label: t("kind"),
      cell: (entry) => (
        <span class={manage.who}>
          <bdi>{sentence(entry, names)}</bdi>
          <span>{dateTime(entry.at)}</span>
        </span>
      ),
    },
    {
      label: t("details"),
      hidden: true,
      narrow: true,
      cell: (entry) => (
        <Button size="small" aria-label={t("details_of", { sentence: sentence(entry, names) })} onClick={() => onShow(entry)}>
          {t("details")}
        </Button>
      ),
    },
  ];
  return <Table caption={t("title")} columns={columns} rows={entries} rowKey={(entry) => entry.entry_id} />;
}

type DetailsProps = { entry: Entry; names: Names; onClose: () => void; onChoose: (changed: Record<string, string>) => void };

function Details({ entry, names, onClose, onChoose }: DetailsProps) {
  const whole = useEntry(entry.entry_id);
  const fields = [...new Set([...Object.keys(entry.before), ...Object.keys(entry.after)])];
  const found = fields.flatMap((name) => [entry.before[name], entry.after[name]].flat());
  const named = useNames(found.filter((each): each is string => typeof each === "string" && isMember(each)));
  const role = entry.role && t.has(`role_${entry.role}`) ? t(`role_${entry.role}` as "role_member") : undefined;
  const read = (value: unknown): string => {
    if (Array.isArray(value)) return value.map(read).join(", ") || "—";
    if (typeof value === "string") return named[value] ?? (value || "—");
    return value === undefined || value === null ? "—" : typeof value === "object" ? JSON.stringify(value) : String(value);
  };
  return (
    <Dialog title={sentence(entry, names)} open onClose={onClose}>
      <dl class={css.facts}>
        <dt>{t("who")}</dt>
        <dd>
          <bdi>{whoOf(entry, names)}</bdi>
          {role ? `, ${role}` : ""} <span class={css.muted}>{entry.member_id ? "" : entry.actor}</span>
        </dd>
        <dt>{t("address")}</dt>
        <dd>
          {whole.isPending ? (
            <Loading>
              <Skeleton width="8rem" />
            </Loading>
          ) : whole.error ? (
            <ErrorState error={whole.error} onRetry={() => void whole.refetch()} />
          ) : (
            (whole.data?.address ?? t("unknown"))
          )}
        </dd>
        <dt>{t("reference")}</dt>
        <dd class={css.whole}>{entry.correlation_id ?? t("unknown")}</dd>
      </dl>
      {fields.length ? (
        <Table
          caption={t("details")}
          columns={[
            { label: t("field"), cell: (name: string) => name },
            { label: t("before"), cell: (name: string) => <bdi class={css.whole}>{read(entry.before[name])}</bdi> },
            { label: t("after"), cell: (name: string) => <bdi class={css.whole}>{read(entry.after[name])}</bdi> },
          ]}
          rows={fields}
          rowKey={(name) => name}
        />
      ) : null}
      <div class={css.more}>
        {entry.member_id ? (
          <Button size="small" onClick={() => onChoose({ actor: entry.member_id ?? "" })}>
            {t("only_by")}
          </Button>
        ) : null}
        <Button size="small" onClick={() => onChoose({ thing: entry.thing })}>
          {t("only_about")}
        </Button>
      </div>
    </Dialog>
  );
}
