/** Everything about an activity but its video: the same fields when it is made and when it is changed. */
import { useState } from "preact/hooks";
import { zoneName } from "../foundation/calendar";
import { later } from "../foundation/later";
import { t as common } from "../foundation/t";
import { browserZone, isSameZone, dateTime, number, relative, zone } from "../foundation/time";
import { readWallClock } from "../foundation/wall_clock";
import { Button, IconButton } from "../foundation/ui/buttons";
import { Radio, Select, Switch, TextArea, TextField } from "../foundation/ui/fields";
import forms from "../foundation/ui/forms.module.css";
import { Icon } from "../foundation/ui/Icon";
import { ErrorNote, Note } from "../foundation/ui/parts";
import { useMe } from "../me/queries";
import { type ChannelView, useManagedCampaigns, useManagedChannels, useProgram } from "../programs/manager_queries";
import css from "./editor.module.css";
import {
  disclosureLine,
  type Disclosure,
  type FieldErrors,
  type Fields,
  instantOf,
  MAX_CAPTIONS,
  MAX_CHANNELS,
  MAX_INSTRUCTIONS,
  MAX_POINTS,
} from "./form";
import { KEPT_FOR_DISCLOSURE, MAX_DISCLOSURE, MAX_POST_UNITS, postUnits, readHashtags } from "./post_text";
import { t } from "./words.manager";

const DisclosureFields = later(() => import("./DisclosureFields"));

type Props = { fields: Fields; errors: FieldErrors; onChange: (changed: Partial<Fields>) => void };

export function ActivityFields(props: Props) {
  return (
    <>
      <Instructions {...props} />
      <Audience {...props} />
      <Window {...props} />
      <PostText {...props} />
      <DisclosureFields fields={props.fields} onChange={props.onChange} />
      <Extras {...props} />
    </>
  );
}

function Counter({ used, limit, words }: { used: number; limit: number; words?: string }) {
  return (
    <span class={used > limit ? `${css.counter} ${css.over}` : css.counter}>
      <span>{words}</span>
      <span>
        {number(used)} / {number(limit)}
      </span>
    </span>
  );
}

function Instructions({ fields, errors, onChange }: Props) {
  return (
    <section class={forms.section}>
      <h2>{t("section_instructions")}</h2>
      <TextArea
        label={t("instructions")}
        hint={t("instructions_hint")}
        dir="auto"
        rows={3}
        required
        value={fields.instructions}
        error={errors.instructions}
        onInput={(event) => onChange({ instructions: event.currentTarget.value })}
        below={<Counter used={[...fields.instructions.trim()].length} limit={MAX_INSTRUCTIONS} />}
      />
    </section>
  );
}

const FILTERED_FROM = 8;

type AudienceProps = {
  fields: Pick<Fields, "channels">;
  errors: Pick<FieldErrors, "channels">;
  onChange: (changed: Pick<Fields, "channels">) => void;
};

export function Audience({ fields, errors, onChange }: AudienceProps) {
  const channels = useManagedChannels();
  const [filter, setFilter] = useState("");
  const chosen = new Set(fields.channels);
  // An archived channel takes nothing new, but what is addressed to it stays so.
  const all = (channels.data ?? []).filter((each) => !each.archived || chosen.has(each.channel_id));
  const shown = all.filter((each) => each.name.toLocaleLowerCase().includes(filter.trim().toLocaleLowerCase()));
  const toggle = (id: string, on: boolean): void =>
    onChange({ channels: on ? [...fields.channels, id].sort() : fields.channels.filter((each) => each !== id) });
  return (
    <section class={forms.section}>
      <h2>{t("section_audience")}</h2>
      {channels.data || chosen.size === 0 ? <AudienceWords chosen={all.filter((each) => chosen.has(each.channel_id))} /> : null}
      {channels.error && !channels.data ? (
        <ErrorNote error={channels.error}>
          <Button size="small" icon="refresh" onClick={() => void channels.refetch()}>
            {common("try_again")}
          </Button>
        </ErrorNote>
      ) : null}
      {all.length > 0 ? (
        <fieldset class={forms.fieldset}>
          <legend class={forms.legend}>{t("channels_label")}</legend>
          {all.length > FILTERED_FROM ? (
            <TextField
              label={t("find_channel")}
              type="search"
              value={filter}
              onInput={(event) => setFilter(event.currentTarget.value)}
            />
          ) : null}
          <div class={css.channels}>
            {shown.map((channel) => (
              <label key={channel.channel_id} class={css.channel}>
                <input
                  type="checkbox"
                  checked={chosen.has(channel.channel_id)}
                  aria-invalid={errors.channels && chosen.has(channel.channel_id) ? "true" : undefined}
                  onChange={(event) => toggle(channel.channel_id, event.currentTarget.checked)}
                />
                <bdi>{channel.name}</bdi>
                <Kind kind={channel.kind} />
              </label>
            ))}
          </div>
          {chosen.size > 0 ? <Counter used={chosen.size} limit={MAX_CHANNELS} words={t("channels_chosen")} /> : null}
        </fieldset>
      ) : null}
      {errors.channels ? <FieldError>{errors.channels}</FieldError> : null}
    </section>
  );
}

function FieldError({ children }: { children: string }) {
  return (
    <p class={css.error}>
      <Icon name="alert" size={16} />
      {children}
    </p>
  );
}

export function Kind({ kind }: { kind: ChannelView["kind"] }) {
  return (
    <span class={css.kind}>
      <Icon name={kind === "public" ? "globe" : "lock"} size={14} />
      {kind === "public" ? t("kind_public") : t("kind_private")}
    </span>
  );
}

const NAMED = 3;

/** "A, B and 2 more", as the language puts it. */
function names(channels: ChannelView[]): string {
  const shown = channels.slice(0, NAMED).map((each) => each.name);
  const more = channels.length - shown.length;
  return more > 0 ? t("names_and_more", { names: shown.join(", "), count: more }) : shown.join(", ");
}

/** In words, who will see it. */
function AudienceWords({ chosen }: { chosen: ChannelView[] }) {
  const program = useMe().data?.program.name ?? "";
  const hasPublic = chosen.some((each) => each.kind === "public");
  let words: string;
  if (chosen.length === 0) words = t("audience_all", { program });
  else if (!hasPublic) words = t("audience_private", { channels: names(chosen) });
  else if (chosen.every((each) => each.kind === "public")) words = t("audience_public", { channels: names(chosen) });
  else words = t("audience_mixed", { channels: names(chosen) });
  return (
    <p class={css.audience} role="status">
      <Icon name={chosen.length > 0 && !hasPublic ? "lock" : "people"} size={18} />
      {words}
    </p>
  );
}

type WindowProps = {
  fields: Pick<Fields, "starts" | "ends">;
  errors: Pick<FieldErrors, "starts" | "ends">;
  onChange: (changed: Partial<Pick<Fields, "starts" | "ends">>) => void;
};

export function Window({ fields, errors, onChange }: WindowProps) {
  const own = zone.value;
  const browser = browserZone();
  return (
    <section class={forms.section}>
      <h2>{t("section_window")}</h2>
      <p>{t("window_zone", { zone: zoneName(own) })}</p>
      <div class={css.pair}>
        <Time
          label={t("starts")}
          hint={t("starts_hint")}
          value={fields.starts}
          error={errors.starts}
          onChange={(starts) => onChange({ starts })}
        />
        <Time
          label={t("ends")}
          hint={t("ends_hint")}
          value={fields.ends}
          error={errors.ends}
          onChange={(ends) => onChange({ ends })}
        />
      </div>
      {isSameZone(browser, own) ? null : (
        <p class={forms.muted}>
          {t("other_zone", { zone: zoneName(browser) })} <a href="/settings">{t("change_zone")}</a>
        </p>
      )}
    </section>
  );
}

type TimeProps = {
  label: string;
  hint: string;
  value: string;
  error: string | undefined;
  onChange: (value: string) => void;
};

const WALL_LENGTH = "2026-12-04T18:00".length;

function Time({ label, hint, value, error, onChange }: TimeProps) {
  const wall = value.slice(0, WALL_LENGTH);
  const bare = readWallClock(wall, zone.value);
  const instant = instantOf(value, zone.value);
  const mustChoose = bare.kind === "twice" || bare.kind === "never";
  return (
    <div class={forms.fieldset}>
      <TextField
        type="datetime-local"
        label={label}
        hint={hint}
        optional
        value={wall}
        error={error}
        onInput={(event) => onChange(event.currentTarget.value)}
        below={
          instant ? (
            <span class={forms.muted}>
              {dateTime(instant)} · {relative(instant)}
            </span>
          ) : null
        }
      />
      {mustChoose ? (
        <fieldset class={css.offsets}>
          <legend class="visually-hidden">{label}</legend>
          <p>{bare.kind === "twice" ? t("time_twice") : t("time_never")}</p>
          {bare.offsets.map((offset, index) => (
            <Radio
              key={offset}
              name={`${label}-offset`}
              label={
                bare.kind === "twice"
                  ? t(index === 0 ? "first_of_two" : "second_of_two", { offset: `UTC${offset}` })
                  : t("with_offset", { offset: `UTC${offset}`, when: dateTime(wall + offset) })
              }
              checked={value === wall + offset}
              onChange={() => onChange(wall + offset)}
            />
          ))}
        </fieldset>
      ) : null}
    </div>
  );
}

/** Counts an empty caption's default text only once it is too long. */
function unitsShown(caption: string, hashtags: string[], line: string | null): number {
  const units = postUnits(caption, hashtags, line);
  return caption.trim() || units > MAX_POST_UNITS ? units : 0;
}

function PostText({ fields, errors, onChange }: Props) {
  const { hashtags } = readHashtags(fields.hashtags);
  const line = disclosureLine(fields.disclosure);
  const set = (at: number, text: string): void =>
    onChange({ captions: fields.captions.map((each, index) => (index === at ? text : each)) });
  return (
    <section class={forms.section}>
      <h2>{t("section_text")}</h2>
      <p>{t("text_hint")}</p>
      <div class={css.captions}>
        {fields.captions.map((caption, index) => (
          <div key={index} class={css.caption}>
            <TextArea
              label={fields.captions.length > 1 ? t("caption_number", { count: index + 1 }) : t("caption")}
              optional
              dir="auto"
              rows={2}
              value={caption}
              error={postUnits(caption, hashtags, line) > MAX_POST_UNITS ? errors.captions : undefined}
              onInput={(event) => set(index, event.currentTarget.value)}
              below={<Counter used={unitsShown(caption, hashtags, line)} limit={MAX_POST_UNITS} words={line === null ? t("units_hint_own", { count: KEPT_FOR_DISCLOSURE }) : t("units_hint")} />}
            />
            {fields.captions.length > 1 ? (
              <IconButton
                icon="trash"
                size="small"
                label={t("remove_caption", { count: index + 1 })}
                onClick={() => onChange({ captions: fields.captions.filter((_, at) => at !== index) })}
              />
            ) : null}
          </div>
        ))}
        {fields.captions.length < MAX_CAPTIONS ? (
          <span>
            <Button size="small" icon="plus" onClick={() => onChange({ captions: [...fields.captions, ""] })}>
              {t("add_caption")}
            </Button>
          </span>
        ) : null}
      </div>
      <TextField
        label={t("hashtags")}
        hint={t("hashtags_hint")}
        optional
        dir="auto"
        autocapitalize="none"
        value={fields.hashtags}
        error={errors.hashtags}
        onInput={(event) => onChange({ hashtags: event.currentTarget.value })}
      />
      <DisclosureField value={fields.disclosure} error={errors.disclosure} onChange={(disclosure) => onChange({ disclosure })} />
    </section>
  );
}

type DisclosureProps = { value: Disclosure; error: string | undefined; onChange: (value: Disclosure) => void };

function DisclosureField({ value, error, onChange }: DisclosureProps) {
  const own = useProgram().data?.disclosure ?? "";
  const choose = (kind: Disclosure["kind"]) => () => onChange({ ...value, kind });
  return (
    <fieldset class={forms.fieldset}>
      <legend class={forms.legend}>{t("disclosure")}</legend>
      <Radio
        name="disclosure"
        label={own ? t("disclosure_program", { line: own }) : t("disclosure_program_none")}
        checked={value.kind === "program"}
        onChange={choose("program")}
      />
      <Radio name="disclosure" label={t("disclosure_own")} checked={value.kind === "own"} onChange={choose("own")} />
      {value.kind === "own" ? (
        <TextField
          label={t("disclosure_line")}
          dir="auto"
          maxLength={MAX_DISCLOSURE}
          placeholder="#ad"
          value={value.text}
          error={error}
          onInput={(event) => onChange({ kind: "own", text: event.currentTarget.value })}
        />
      ) : null}
      <Radio name="disclosure" label={t("disclosure_none")} checked={value.kind === "none"} onChange={choose("none")} />
      {value.kind === "none" ? <Note tone="warning">{t("disclosure_none_warning")}</Note> : null}
    </fieldset>
  );
}

function Extras({ fields, errors, onChange }: Props) {
  const campaigns = (useManagedCampaigns().data ?? []).filter(
    (each) => !each.archived || each.campaign_id === fields.campaign,
  );
  return (
    <section class={forms.section}>
      <h2>{t("section_extras")}</h2>
      <div class={css.pair}>
        <TextField
          label={t("points")}
          hint={t("points_hint")}
          inputMode="numeric"
          autocomplete="off"
          value={fields.points}
          error={errors.points}
          max={MAX_POINTS}
          onInput={(event) => onChange({ points: event.currentTarget.value })}
        />
        <TextField
          label={t("bonus")}
          hint={t("bonus_hint")}
          inputMode="numeric"
          autocomplete="off"
          value={fields.bonus}
          error={errors.bonus}
          max={MAX_POINTS}
          onInput={(event) => onChange({ bonus: event.currentTarget.value })}
        />
        <Select
          label={t("campaign")}
          hint={t("campaign_hint")}
          optional
          value={fields.campaign}
          error={errors.campaign}
          onChange={(event) => onChange({ campaign: event.currentTarget.value })}
        >
          <option value="">{t("no_campaign")}</option>
          {campaigns.map((each) => (
            <option key={each.campaign_id} value={each.campaign_id}>
              {each.name}
            </option>
          ))}
        </Select>
      </div>
      <Switch
        label={t("featured")}
        hint={t("featured_hint")}
        checked={fields.featured}
        onChange={(event) => onChange({ featured: event.currentTarget.checked })}
      />
    </section>
  );
}
