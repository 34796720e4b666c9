import { useLocation } from "preact-iso";
import { useState } from "preact/hooks";
import { copyText } from "../foundation/copy";
import { fieldWords } from "../foundation/problem_words";
import { dateTime } from "../foundation/time";
import { Button, LinkButton } from "../foundation/ui/buttons";
import { type Column, Table } from "../foundation/ui/data";
import { Confirm, Dialog } from "../foundation/ui/Dialog";
import { Checkbox, Select, TextField } from "../foundation/ui/fields";
import { FormDialog } from "../foundation/ui/forms";
import forms from "../foundation/ui/forms.module.css";
import { Icon } from "../foundation/ui/Icon";
import { Menu } from "../foundation/ui/Menu";
import { BackLink, List } from "../foundation/ui/pages";
import { Badge, EmptyState, ErrorNote, Note, PageHead } from "../foundation/ui/parts";
import { same } from "../foundation/merge";
import { useConflicts } from "../foundation/ui/conflicts";
import { useRequest } from "../foundation/ui/request";
import { toast } from "../foundation/ui/toasts";
import { toastProblem } from "../foundation/ui/toast_problem";
import { useMe } from "../me/queries";
import { isOfRewards } from "../rewards/switch";
import {
  type Changes,
  changeWebhook,
  createWebhook,
  type DeliveryView,
  newSecret,
  type NewWebhook,
  readWebhooks,
  removeWebhook,
  sendTest,
  useDeliveries,
  useWebhooks,
  type WebhookView,
} from "./queries";
import { t } from "./words.manager";

const TYPES = [
  "activity.published", "activity.rejected", "activity.ended",
  "performance.queued", "performance.staged", "performance.posted", "performance.failed",
  "reward.offered", "reward.withdrawn", "reward.redeemed", "redemption.fulfilled", "redemption.rejected",
  "member.invited", "member.joined", "member.left", "points.adjusted",
] as const; // prettier-ignore
const LANGUAGES = { en: "English", de: "Deutsch", es: "Español" } as const;
const TONES = { active: "good", paused: "plain", disabled: "bad" } as const;
const RESULTS = { waiting: "plain", delivered: "good", failed: "bad" } as const;

function told(work: Promise<unknown>, done?: string): void {
  work.then(
    () => done && toast(done),
    (error: unknown) => toastProblem(error),
  );
}

const FIELDS = ["name", "url", "format", "language", "types", "state"] as const;

/** A webhook's field, as the dialog of two versions shows it. */
function sayField(name: keyof WebhookView, webhook: WebhookView): unknown {
  if (name === "format") return t(`format_${webhook.format}`);
  if (name === "state") return t(`state_${webhook.state}`);
  if (name === "language") return LANGUAGES[webhook.language];
  return name === "types" ? webhook.types.map(typeWords).join(", ") || t("types_hint") : webhook[name];
}

const NEW: NewWebhook = { name: "", url: "", format: "slack", language: "en", types: [] };

/** A new webhook, or one that is changed: its address stays unless another is entered. */
function Editor({ webhook, onClose }: { webhook?: WebhookView; onClose: () => void }) {
  const [body, setBody] = useState<NewWebhook>(webhook ? { ...(webhook as NewWebhook), url: "" } : NEW);
  const [tried, setTried] = useState(false);
  const { busy, error, run } = useRequest();
  const set = (changes: Partial<NewWebhook>): void => setBody((now) => ({ ...now, ...changes }));
  const types = body.types ?? [];
  const rewards = useMe().data?.program.rewards ?? true;
  // Where rewards are off their events are not offered; what was chosen before is seen, and can be taken away.
  const offered = TYPES.filter((each) => rewards || !isOfRewards(each) || webhook?.types.includes(each));
  const { save: saveOn, dialog } = useConflicts<WebhookView>(FIELDS, {
    label: (name) => t(name as (typeof FIELDS)[number]),
    say: sayField,
  });
  const save = async (): Promise<void> => {
    setTried(true);
    const [name, url] = [body.name.trim(), body.url.trim()];
    if (!name || !(url || webhook)) return;
    const { format, language } = body;
    const wanted = { name, format, language, types, ...(url ? { url } : {}) };
    const done = (): void => {
      toast(t(webhook ? "saved" : "made", { name }));
      onClose();
    };
    await run(async () => {
      if (!webhook) return createWebhook({ ...wanted, url }).then(done);
      const changes = Object.fromEntries(Object.entries(wanted).filter(([field, value]) => !same(value, webhook[field as "name"])));
      await saveOn({
        base: webhook,
        changes,
        write: (some, on) => changeWebhook(on, some as Changes),
        read: async () => (await readWebhooks()).find(({ webhook_id }) => webhook_id === webhook.webhook_id),
        onSaved: done,
      });
    });
  };
  const missing = (value: string): string | undefined => (tried && !value.trim() ? t("missing") : undefined);
  return (
    <FormDialog below={dialog} title={webhook ? t("edit_title", { name: webhook.name }) : t("new")} onClose={onClose} onSubmit={save} submit={t(webhook ? "save" : "create")} busy={busy}>
      <TextField
        label={t("name")}
        dir="auto"
        autofocus
        autocomplete="off"
        maxLength={60}
        value={body.name}
        error={missing(body.name) ?? fieldWords(error, "name")}
        onInput={(event) => set({ name: event.currentTarget.value })}
      />
      <TextField
        label={t("url")}
        hint={webhook ? t("url_stays", { url: webhook.url }) : t("url_hint")}
        optional={webhook !== undefined}
        type="url"
        dir="ltr"
        autocomplete="off"
        spellcheck={false}
        maxLength={1000}
        placeholder="https://hooks.slack.com/services/…"
        value={body.url}
        error={(webhook ? undefined : missing(body.url)) ?? fieldWords(error, "url")}
        onInput={(event) => set({ url: event.currentTarget.value })}
      />
      <Select label={t("format")} value={body.format} onChange={(event) => set({ format: event.currentTarget.value as "json" })}>
        {(["slack", "teams", "json"] as const).map((each) => (
          <option key={each} value={each} selected={each === body.format}>
            {t(`format_${each}`)}
          </option>
        ))}
      </Select>
      {body.format === "json" ? null : (
        <Select label={t("language")} hint={t("shown")} value={body.language} onChange={(event) => set({ language: event.currentTarget.value as "en" })}>
          {Object.entries(LANGUAGES).map(([code, name]) => (
            <option key={code} value={code} lang={code} selected={code === body.language}>
              {name}
            </option>
          ))}
        </Select>
      )}
      <fieldset class={forms.fieldset}>
        <legend class={forms.legend}>{t("types")}</legend>
        <p class={forms.muted}>{t("types_hint")}</p>
        {offered.map((each) => (
          <Checkbox
            key={each}
            label={
              <>
                {typeWords(each)} <code class={forms.muted}>{each}</code>
              </>
            }
            checked={types.includes(each)}
            onChange={(event) =>
              set({ types: event.currentTarget.checked ? [...types, each] : types.filter((other) => other !== each) })
            }
          />
        ))}
      </fieldset>
      {error && !fieldWords(error, "name") && !fieldWords(error, "url") ? <ErrorNote error={error} /> : null}
    </FormDialog>
  );
}

function Secret({ webhook, onClose }: { webhook: WebhookView; onClose: () => void }) {
  const [secret, setSecret] = useState("");
  const { busy, error, run } = useRequest();
  const make = (): Promise<void> => run(async () => setSecret(await newSecret(webhook.webhook_id)));
  return (
    <Dialog
      title={t("secret_title", { name: webhook.name })}
      open
      firm={secret !== ""}
      onClose={onClose}
      foot={
        secret ? (
          <>
            <Button icon="copy" onClick={() => void copyText(secret).then((done) => toast(t(done ? "copied" : "not_copied")))}>
              {t("copy")}
            </Button>
            <Button kind="primary" onClick={onClose}>
              {t("done")}
            </Button>
          </>
        ) : (
          <>
            <Button onClick={onClose}>{t("cancel")}</Button>
            <Button kind="primary" busy={busy} onClick={make}>
              {t("secret")}
            </Button>
          </>
        )
      }
    >
      <p role="status">{t(secret ? "secret_text" : "secret_ask")}</p>
      {secret ? <TextField label={t("secret")} dir="ltr" readOnly value={secret} /> : null}
      {error ? <ErrorNote error={error} /> : null}
    </Dialog>
  );
}

/** An event in words; one that is new here by its code. */
function typeWords(type: string): string {
  const key = `type_${type.replace(".", "_")}`;
  return t.has(key) ? t(key) : type;
}

const NOT_CALLED = ["not_https", "wrong_port", "inner_address", "own_address", "not_an_address"];

/** Why nothing got through, in words; a reason that is new here by its code. */
function errorWords(error: string): string {
  if (error.startsWith("webhook_")) return t("error_off");
  const key = `error_${NOT_CALLED.includes(error) ? "address" : error}`;
  return t.has(key) ? t(key) : error;
}

function result(delivery: DeliveryView): string {
  const { status, error, milliseconds: ms, tries } = delivery;
  const how = status ? t("answered", { status: String(status), ms: ms ?? 0 }) : error ? errorWords(error) : "";
  return [how, tries > 1 ? t("tries", { count: tries }) : ""].filter(Boolean).join(", ");
}

function Log({ webhook, onClose }: { webhook: WebhookView; onClose: () => void }) {
  const log = useDeliveries(webhook.webhook_id);
  const rows = log.data?.pages.flatMap(({ items }) => items) ?? [];
  const columns: Column<DeliveryView>[] = [
    { label: t("col_event"), cell: ({ event_type }) => <span title={event_type}>{typeWords(event_type)}</span> },
    { label: t("col_when"), wide: true, cell: ({ occurred_at }) => dateTime(occurred_at) },
    {
      label: t("col_result"),
      cell: (each) => (
        <>
          <Badge tone={RESULTS[each.state]}>{t(`result_${each.state}`)}</Badge> {result(each)}
        </>
      ),
    },
  ];
  return (
    <Dialog
      title={t("log_of", { name: webhook.name })}
      open
      onClose={onClose}
      foot={
        <Button kind="primary" icon="send" onClick={() => told(sendTest(webhook.webhook_id), t("test_sent"))}>
          {t("test")}
        </Button>
      }
    >
      {webhook.state === "disabled" ? <Note tone="bad">{t("disabled_text")}</Note> : null}
      <List list={log} count={rows.length} row="2.5rem" empty={<p>{t("no_deliveries")}</p>}>
        <Table caption={t("log")} columns={columns} rows={rows} rowKey={({ event_id }) => event_id} />
      </List>
    </Dialog>
  );
}

/** With the webhook as it was then: one that somebody else removes or changes takes no dialog away. */
type Opened = { what: "log" | "edit" | "secret" | "remove"; webhook: WebhookView };

export default function WebhooksScreen() {
  const { query, route, path } = useLocation();
  const webhooks = useWebhooks();
  const rows = webhooks.data ?? [];
  const [opened, setOpened] = useState<Opened>();
  const chosen = opened?.webhook;
  const close = (): void => setOpened(undefined);
  const create = (
    <LinkButton kind="primary" icon="plus" href={`${path}?new`}>
      {t("new")}
    </LinkButton>
  );
  const columns: Column<WebhookView>[] = [
    {
      label: t("name"),
      cell: ({ name, url, failing_since }) => (
        <>
          <strong>
            <bdi>{name}</bdi>
          </strong>
          <div class={forms.muted} dir="ltr">
            {url}
          </div>
          {failing_since ? <div class={forms.muted}>{t("failing", { when: dateTime(failing_since) })}</div> : null}
        </>
      ),
    },
    { label: t("format"), wide: true, cell: ({ format }) => t(`format_${format}`) },
    {
      label: t("state"),
      cell: ({ state }) => <Badge tone={TONES[state]}>{t(`state_${state}`)}</Badge>,
    },
    {
      label: t("col_actions"),
      hidden: true,
      narrow: true,
      cell: (webhook) => {
        const { name, state, format } = webhook;
        const next = state === "active" ? "paused" : "active";
        return (
          <Menu
            label={t("actions_of", { name })}
            items={[
              { label: t("log"), icon: "history", onSelect: () => setOpened({ what: "log", webhook }) },
              { label: t("edit"), icon: "edit", onSelect: () => setOpened({ what: "edit", webhook }) },
              ...(format === "json"
                ? [{ label: t("secret"), icon: "lock" as const, onSelect: () => setOpened({ what: "secret", webhook }) }]
                : []),
              {
                label: t(state === "active" ? "pause" : "resume"),
                icon: "refresh",
                onSelect: () => told(changeWebhook(webhook, { state: next })),
              },
              { label: t("remove"), icon: "trash", onSelect: () => setOpened({ what: "remove", webhook }) },
            ]}
          >
            <Icon name="more" />
          </Menu>
        );
      },
    },
  ];
  return (
    <>
      <BackLink href="/manage/program">{t("back")}</BackLink>
      <PageHead title={t("title")} actions={create}>
        {t("text")}
      </PageHead>
      <List
        list={webhooks}
        count={rows.length}
        row="3.5rem"
        empty={
          <EmptyState icon="send" title={t("none")} actions={create}>
            {t("none_text")}
          </EmptyState>
        }
      >
        <Table caption={t("title")} columns={columns} rows={rows} rowKey={({ webhook_id }) => webhook_id} />
      </List>
      {query.new === undefined ? null : <Editor onClose={() => route(path, true)} />}
      {chosen && opened?.what === "edit" ? <Editor webhook={chosen} onClose={close} /> : null}
      {chosen && opened?.what === "log" ? <Log webhook={chosen} onClose={close} /> : null}
      {chosen && opened?.what === "secret" ? <Secret webhook={chosen} onClose={close} /> : null}
      {chosen ? (
        <Confirm
          title={t("remove_title", { name: chosen.name })}
          open={opened?.what === "remove"}
          dangerous
          confirm={t("remove")}
          onClose={close}
          onConfirm={() => {
            close();
            told(removeWebhook(chosen.webhook_id));
          }}
        >
          {t("remove_text")}
        </Confirm>
      ) : null}
    </>
  );
}
