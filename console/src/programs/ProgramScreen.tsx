import { useEffect, useMemo, useState } from "preact/hooks";
import { t as activities } from "../activities/words.manager";
import { answer, api, type Schemas } from "../foundation/api/client";
import { queryClient } from "../foundation/api/queries";
import { later } from "../foundation/later";
import { LeaveGuard } from "../foundation/leaving";
import { fieldWords } from "../foundation/problem_words";
import { kept } from "../foundation/store";
import { allZones, longDate } from "../foundation/calendar";
import { Button, LinkButton } from "../foundation/ui/buttons";
import { Checkbox, Select, Switch, TextField } from "../foundation/ui/fields";
import forms from "../foundation/ui/forms.module.css";
import { CopyableId, ErrorNote, ErrorState, Loading, Note, PageHead, Skeleton } from "../foundation/ui/parts";
import { useConflicts } from "../foundation/ui/conflicts";
import { useRequest } from "../foundation/ui/request";
import { toast } from "../foundation/ui/toasts";
import { ME } from "../me/queries";
import { t as performances } from "../performances/words.manager";
import { useWaiting } from "../rewards/manager_queries";
import css from "./manage.module.css";
import { PROGRAM, readProgram, useProgram } from "./manager_queries";
import { membersOf, useMembers } from "./member_queries";
import { t } from "./words.manager";

type Settings = Schemas["ProgramSettings"];
type Fields = Pick<Settings, "name" | "time_zone" | "leaderboard" | "rewards" | "disclosure" | "managers_on_leaderboard" | "names_on_leaderboard" | "fulfillers" | "content_disclosure" | "reuse_warning_above">;
const NAMES = ["name", "time_zone", "leaderboard", "rewards", "disclosure", "managers_on_leaderboard", "names_on_leaderboard", "fulfillers", "content_disclosure", "reuse_warning_above"] as const;
const DisclosureSettings = later(() => import("./DisclosureSettings"));
const MANAGERS = { text: "", status: "active", role: "manager" } as const;
const DRAFT = "draft.program";
/** The typed changes, and the settings they are typed over. */
type Draft = { typed: Partial<Fields>; base: Settings };

export default function ProgramScreen() {
  const program = useProgram();
  if (program.data) return <Form settings={program.data} />;
  if (program.error) return <ErrorState error={program.error} onRetry={() => void program.refetch()} />;
  return (
    <Loading>
      <Skeleton height="24rem" />
    </Loading>
  );
}

/** Which managers see to requests for rewards; none chosen: all of them. */
function Fulfillers({
  nobody,
  chosen,
  error,
  onChange,
}: {
  nobody: boolean;
  chosen: string[];
  error: string | undefined;
  onChange: (fulfillers: string[]) => void;
}) {
  const list = useMembers(MANAGERS);
  const managers = membersOf(list.data?.pages);
  const toggle = (id: string, on: boolean): void => {
    // Former managers fall out with the next choice.
    const known = chosen.filter((each) => each !== id && managers.some(({ member_id }) => member_id === each));
    onChange(on ? [...known, id].sort() : known);
  };
  return (
    <fieldset class={forms.fieldset} id="fulfillers">
      <legend class={forms.legend}>{t("fulfillers")}</legend>
      <p class={forms.muted}>{t("fulfillers_hint")}</p>
      {nobody ? <Note tone="warning">{t("nobody_fulfils")}</Note> : null}
      {managers.map(({ member_id: id, name }) => (
        <Checkbox
          key={id}
          label={<bdi>{name}</bdi>}
          checked={chosen.includes(id)}
          onChange={(event) => toggle(id, event.currentTarget.checked)}
        />
      ))}
      {error ? <Note tone="bad">{error}</Note> : null}
    </fieldset>
  );
}

/** What members had asked for before rewards were switched off. */
function OpenRequests() {
  const waiting = useWaiting();
  if (!waiting) return null;
  return (
    <Note>
      {t("open_requests", { count: waiting })} <a href="/manage/redemptions">{t("see_requests")}</a>
    </Note>
  );
}

/** Only what is set otherwise; what somebody else changed meanwhile stays as they left it. */
function changesOf(settings: Settings, fields: Partial<Fields>): Partial<Fields> {
  const differs = (name: keyof Fields): boolean => JSON.stringify(fields[name]) !== JSON.stringify(settings[name]);
  return Object.fromEntries(NAMES.filter((name) => name in fields && differs(name)).map((name) => [name, fields[name]]));
}

const hasAny = (changes: Partial<Fields>): boolean => Object.keys(changes).length > 0;

function labelOf(name: keyof Settings): string {
  if (name === "content_disclosure") return activities("field_setting");
  if (name === "reuse_warning_above") return performances("reuse_above");
  return t(name === "name" ? "program_name" : (name as "disclosure"));
}

/** The value of a setting as the dialog of two versions shows it. */
function useSay(): (name: keyof Settings, settings: Settings) => unknown {
  const managers = membersOf(useMembers(MANAGERS).data?.pages);
  return (name, settings) => {
    const { content_disclosure: kind, fulfillers } = settings;
    if (name === "content_disclosure") return performances(kind === "none" ? "setting_none" : `kind_${kind}`);
    if (name !== "fulfillers") return settings[name];
    return fulfillers.map((id) => managers.find(({ member_id }) => member_id === id)?.name ?? id).join(", ");
  };
}

function Form({ settings }: { settings: Settings }) {
  const [draft, setDraft] = useState<Draft | undefined>(() => kept.read<Draft>(DRAFT));
  // A draft that an older version of the console kept has no base: it is left.
  const { typed, base } = draft?.base ? draft : { typed: {}, base: settings };
  const { busy, error, run } = useRequest();
  const { save: saveOn, dialog } = useConflicts<Settings>(NAMES, { label: labelOf, say: useSay() });
  const zones = useMemo(() => [...new Set([settings.time_zone, ...allZones()])].sort(), [settings.time_zone]);
  const changes = changesOf(base, typed);
  const dirty = hasAny(changes);
  const fields: Fields = { ...settings, ...changes };
  const [isKept, setKept] = useState(true);
  const text = JSON.stringify(changes);
  useEffect(() => {
    setKept(kept.write(DRAFT, dirty ? { typed: changes, base } : undefined));
  }, [text, base.version]);

  const set = (changed: Partial<Fields>): void =>
    setDraft((now) => {
      const on = now?.base && hasAny(changesOf(now.base, now.typed)) ? now : { typed: {}, base: settings };
      return { ...on, typed: { ...on.typed, ...changed } };
    });
  const save = (): Promise<void> =>
    run(() =>
      saveOn({
        base,
        changes,
        write: (wanted, { version }) => answer(api.PATCH("/program", { body: { ...wanted, version } as never })),
        read: readProgram,
        onSaved: (saved) => {
          queryClient.setQueryData(PROGRAM, saved);
          void queryClient.invalidateQueries({ queryKey: ME });
          setDraft(undefined);
          toast(t("saved_toast"));
        },
      }),
    );
  const shownAtField = ["name", "time_zone", "disclosure", "reuse_warning_above"].some((name) => fieldWords(error, name));
  return (
    <>
      <PageHead
        title={t("program_title")}
        actions={
          <LinkButton icon="send" href="/manage/webhooks">
            Webhooks
          </LinkButton>
        }
      >
        {t("program_text")}
      </PageHead>
      <form
        class={css.narrow}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (dirty && !busy) void save();
        }}
      >
        <section id="basics" class={forms.section}>
          <h2>{t("section_basics")}</h2>
          <TextField
            label={t("program_name")}
            hint={t("program_name_hint")}
            dir="auto"
            maxLength={100}
            value={fields.name}
            error={fieldWords(error, "name")}
            onInput={(event) => set({ name: event.currentTarget.value })}
          />
          <Select
            label={t("time_zone")}
            hint={t("time_zone_hint")}
            value={fields.time_zone}
            error={fieldWords(error, "time_zone")}
            onChange={(event) => set({ time_zone: event.currentTarget.value })}
          >
            {zones.map((each) => (
              <option key={each} value={each} selected={each === fields.time_zone}>
                {each.replace(/_/g, " ")}
              </option>
            ))}
          </Select>
          <TextField
            label={t("disclosure")}
            hint={t("disclosure_hint")}
            optional
            dir="auto"
            maxLength={200}
            placeholder="#ad"
            value={fields.disclosure}
            error={fieldWords(error, "disclosure")}
            onInput={(event) => set({ disclosure: event.currentTarget.value })}
          />
          <DisclosureSettings fields={fields} error={fieldWords(error, "reuse_warning_above")} onChange={set} />
        </section>
        <section id="points" class={forms.section}>
          <h2>{t("section_points")}</h2>
          <div class={forms.fieldset}>
            <Switch
              label={t("leaderboard")}
              hint={t("leaderboard_hint")}
              checked={fields.leaderboard}
              onChange={(event) => set({ leaderboard: event.currentTarget.checked })}
            />
            <Switch
              label={t("managers_on_leaderboard")}
              hint={t("managers_on_leaderboard_hint")}
              checked={fields.managers_on_leaderboard}
              onChange={(event) => set({ managers_on_leaderboard: event.currentTarget.checked })}
            />
            <Switch
              label={t("names_on_leaderboard")}
              hint={t("names_on_leaderboard_hint")}
              checked={fields.names_on_leaderboard}
              onChange={(event) => set({ names_on_leaderboard: event.currentTarget.checked })}
            />
            <Switch
              label={t("rewards")}
              hint={t("rewards_hint")}
              checked={fields.rewards}
              onChange={(event) => set({ rewards: event.currentTarget.checked })}
            />
          </div>
          {fields.rewards ? (
            <Fulfillers
              nobody={settings.nobody_fulfils}
              chosen={fields.fulfillers}
              error={fieldWords(error, "fulfillers")}
              onChange={(fulfillers) => set({ fulfillers })}
            />
          ) : (
            <OpenRequests />
          )}
        </section>
        <p class={forms.muted}>
          {t("made_at", { when: longDate(settings.created_at) })} <CopyableId id={settings.program_id} />
        </p>
        {error && !shownAtField ? <ErrorNote error={error} /> : null}
        {dirty ? (
          <div class={forms.bar}>
            <p role="status">{t("unsaved")}</p>
            <Button onClick={() => setDraft(undefined)}>{t("discard")}</Button>
            <Button kind="primary" type="submit" busy={busy}>
              {t("save")}
            </Button>
          </div>
        ) : null}
      </form>
      {dialog}
      <LeaveGuard dirty={dirty} kept={isKept} discard={() => void kept.write(DRAFT, undefined)} />
    </>
  );
}
