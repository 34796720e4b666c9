import { useRoute } from "preact-iso";
import { useRef, useState } from "preact/hooks";
import { showFirstError } from "../activities/NewActivityScreen";
import editor from "../activities/editor.module.css";
import { t as activities } from "../activities/words.manager";
import { asProblem } from "../foundation/api/problems";
import { LeaveGuard } from "../foundation/leaving";
import { Button } from "../foundation/ui/buttons";
import { useConflicts } from "../foundation/ui/conflicts";
import forms from "../foundation/ui/forms.module.css";
import { BackLink } from "../foundation/ui/pages";
import { Badge, ErrorNote, ErrorState, Loading, Note, PageHead, Skeleton } from "../foundation/ui/parts";
import { toast } from "../foundation/ui/toasts";
import { bodyOf, changedFields, check, errorsOf, type FieldErrors, type Fields, fieldsOf, NAMES } from "./form";
import { changeReward, type RewardView, useReward } from "./manager_queries";
import { useManagedChannels } from "../programs/manager_queries";
import { RewardFields, RewardPreview } from "./RewardFields";
import { LOOKS } from "./looks";
import css from "./rewards.module.css";
import { t } from "./words.manager";

export default function RewardScreen() {
  const { params } = useRoute();
  const reward = useReward(params.id ?? "");
  if (reward.data) return <Editor key={reward.data.reward_id} reward={reward.data} reload={() => reward.refetch()} />;
  if (reward.error) return <ErrorState error={reward.error} onRetry={() => void reward.refetch()} />;
  return (
    <Loading>
      <Skeleton height="24rem" />
    </Loading>
  );
}

/** What a manager changes of a reward, at one version. */
type Version = Fields & Pick<RewardView, "version" | "state">;
const COMPARED = [...NAMES, "state"] as const;
const versionOf = (reward: RewardView): Version => ({ ...fieldsOf(reward), version: reward.version, state: reward.state });

function labelOf(name: keyof Version): string {
  if (name === "channels" || name === "starts" || name === "ends") return activities(`field_${name}`);
  if (name === "state") return t("col_status");
  return t(name === "perMember" ? "per_member" : (name as "title"));
}

/** A field's value as the dialog of two versions shows it. */
function useSay(): (name: keyof Version, version: Version) => unknown {
  const channels = useManagedChannels().data ?? [];
  return (name, version) => {
    const value = version[name];
    if (name === "picture") return value !== "";
    if (name === "channels") return nameList(channels.filter(({ channel_id }) => version.channels.includes(channel_id)));
    if (name === "state") return t(version.state === "active" ? "status_on_offer" : `status_${version.state}`);
    return name === "stock" || name === "perMember" ? value || t("unlimited") : value;
  };
}

const nameList = (channels: { name: string }[]): string => channels.map(({ name }) => name).join(", ") || activities("said_everybody");

function Editor({ reward, reload }: { reward: RewardView; reload: () => Promise<{ data?: RewardView | undefined }> }) {
  const [base, setBase] = useState(reward);
  const [fields, setFields] = useState<Fields>(() => fieldsOf(reward));
  const [url, setUrl] = useState<string | null>(reward.picture?.url ?? null);
  const [refused, setRefused] = useState<FieldErrors>({});
  const [busy, setBusy] = useState<"save" | "state">();
  const [error, setError] = useState<unknown>();
  const form = useRef<HTMLFormElement>(null);
  const changed = changedFields(fieldsOf(base), fields);
  const taken = base.stock === null ? 0 : base.taken;

  const { save, dialog } = useConflicts<Version>(COMPARED, { label: labelOf, say: useSay() });
  const write = async (how: "save" | "state", more: { state?: RewardView["state"] }): Promise<void> => {
    setError(undefined);
    if (busy) return;
    if (how === "save" && Object.keys(check(fields)).length > 0) return showFirstError(form.current);
    setBusy(how);
    let now = base;
    try {
      const names = how === "save" ? changed : [];
      await save({
        base: versionOf(base),
        changes: { ...Object.fromEntries(names.map((name) => [name, fields[name]])), ...more },
        write: async ({ state, ...wanted }, { version }) => {
          const body = bodyOf({ ...fields, ...wanted }, NAMES.filter((name) => name in wanted));
          now = await changeReward(base.reward_id, { ...body, ...(state ? { state } : {}), version });
          return versionOf(now);
        },
        read: async () => {
          now = (await reload()).data ?? now;
          return versionOf(now);
        },
        onSaved: () => {
          // Typed changes that are not saved stay, over the fields that the reward has now.
          const left = how === "save" ? [] : changed;
          setBase(now);
          setFields({ ...fieldsOf(now), ...Object.fromEntries(left.map((name) => [name, fields[name]])) });
          if (!left.includes("picture")) setUrl(now.picture?.url ?? null);
          toast(t("saved_toast"));
        },
      });
    } catch (caught) {
      const problem = asProblem(caught);
      setRefused(errorsOf(problem));
      setError(problem);
      showFirstError(form.current);
    } finally {
      setBusy(undefined);
    }
  };
  const look = LOOKS[base.status];
  return (
    <>
      <BackLink href="/manage/rewards">{t("rewards_title")}</BackLink>
      <PageHead
        title={base.title}
        actions={
          <span class={css.buttons}>
            {base.state === "active" ? (
              <Button icon="archive" busy={busy === "state"} onClick={() => void write("state", { state: "archived" })}>
                {t("archive")}
              </Button>
            ) : (
              <Button icon="gift" busy={busy === "state"} onClick={() => void write("state", { state: "active" })}>
                {t("offer")}
              </Button>
            )}
          </span>
        }
      >
        <Badge tone={look}>{t(`status_${base.status}`)}</Badge>
      </PageHead>
      <div class={editor.page}>
        <form
          ref={form}
          class={editor.form}
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            if (changed.length > 0) void write("save", {});
          }}
        >
          {taken > 0 ? <Note>{t("taken_note", { count: taken })}</Note> : null}
          <RewardFields
            fields={fields}
            errors={{ ...check(fields), ...refused }}
            taken={taken}
            url={url}
            onPicture={setUrl}
            onChange={(now) => {
              setFields((before) => ({ ...before, ...now }));
              setRefused({});
            }}
          />
          {error ? <ErrorNote error={error} /> : null}
          {changed.length > 0 ? (
            <div class={forms.bar}>
              <p role="status">{t("unsaved")}</p>
              <Button
                onClick={() => {
                  setFields(fieldsOf(base));
                  setUrl(base.picture?.url ?? null);
                }}
              >
                {t("discard")}
              </Button>
              <Button kind="primary" type="submit" busy={busy === "save"}>
                {t("save")}
              </Button>
            </div>
          ) : null}
        </form>
        <RewardPreview fields={fields} url={url} taken={taken} />
      </div>
      {dialog}
      <LeaveGuard dirty={changed.length > 0} kept={false}>
        {t("leave_text_lost")}
      </LeaveGuard>
    </>
  );
}
