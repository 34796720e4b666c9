import { useRoute } from "preact-iso";
import { useRef, useState } from "preact/hooks";
import { showFirstError } from "../activities/NewActivityScreen";
import editor from "../activities/editor.module.css";
import { asProblem } from "../foundation/api/problems";
import { LeaveGuard } from "../foundation/leaving";
import { Button } from "../foundation/ui/buttons";
import forms from "../foundation/ui/forms.module.css";
import { BackLink } from "../foundation/ui/pages";
import { Badge, ErrorNote, ErrorState, Loading, Note, PageHead, Skeleton } from "../foundation/ui/parts";
import { toast } from "../foundation/ui/toasts";
import { bodyOf, changedFields, check, errorsOf, type FieldErrors, type Fields, fieldsOf } from "./form";
import { changeReward, type RewardView, useReward } from "./manager_queries";
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

  const write = async (how: "save" | "state", more: { state?: RewardView["state"] }): Promise<void> => {
    setError(undefined);
    if (busy) return;
    const names = how === "save" ? changed : [];
    if (how === "save" && Object.keys(check(fields)).length > 0) return showFirstError(form.current);
    setBusy(how);
    try {
      const made = await changeReward(base.reward_id, { ...bodyOf(fields, names), ...more, version: base.version });
      setBase(made);
      if (how === "save") {
        setFields(fieldsOf(made));
        setUrl(made.picture?.url ?? null);
      }
      toast(t("saved_toast"));
    } catch (caught) {
      const problem = asProblem(caught);
      setRefused(errorsOf(problem));
      setError(problem);
      showFirstError(form.current);
    } finally {
      setBusy(undefined);
    }
  };
  /** Takes what another manager wrote, and keeps what was typed here over it. */
  const lookAgain = async (): Promise<void> => {
    const theirs = (await reload()).data;
    if (!theirs) return;
    const own = Object.fromEntries(changed.map((name) => [name, fields[name]]));
    setBase(theirs);
    setFields({ ...fieldsOf(theirs), ...own });
    if (!changed.includes("picture")) setUrl(theirs.picture?.url ?? null);
    setError(undefined);
  };
  const conflict = error !== undefined && asProblem(error).code === "changed_meanwhile";
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
          {error ? (
            <ErrorNote error={error}>
              {conflict ? (
                <Button size="small" onClick={() => void lookAgain()}>
                  {t("look_again")}
                </Button>
              ) : null}
            </ErrorNote>
          ) : null}
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
      <LeaveGuard dirty={changed.length > 0} kept={false}>
        {t("leave_text_lost")}
      </LeaveGuard>
    </>
  );
}
