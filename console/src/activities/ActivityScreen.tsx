import { useLocation, useRoute } from "preact-iso";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { asProblem } from "../foundation/api/problems";
import { later } from "../foundation/later";
import { LeaveGuard } from "../foundation/leaving";
import { withWords } from "../foundation/words";
import { kept } from "../foundation/store";
import { dateTime, zone } from "../foundation/time";
import { Button, LinkButton } from "../foundation/ui/buttons";
import forms from "../foundation/ui/forms.module.css";
import { Icon } from "../foundation/ui/Icon";
import { Menu } from "../foundation/ui/Menu";
import { BackLink } from "../foundation/ui/pages";
import { CopyableId, ErrorNote, ErrorState, Loading, Note, Skeleton, useTitle } from "../foundation/ui/parts";
import { toast } from "../foundation/ui/toasts";
import { seenVideo, Upload, useVerdict } from "../videos/upload";
import { DropAnywhere, Problems, VideoPicker } from "../videos/VideoPicker";
import { ActivityFields } from "./ActivityFields";
import { CardPreview } from "./CardPreview";
import { cutsState, cutUploads, forgetCuts, isPending, withCuts } from "./cuts";
import { type Base, baseOf, readDraft, useDraft, useZoneChange } from "./draft";
import css from "./editor.module.css";
import { type ActivityView, bodyOf, changedFields, check, errorsOf, type FieldErrors, type Fields, fieldsOf, isHeldBack } from "./form";
import { useLifecycle } from "./lifecycle";
import { change, readActivity, useActivity } from "./manager_queries";
import { AddCut, showFirstError } from "./NewActivityScreen";
import { Status, windowWords } from "./status";
import { TryOnMe } from "./TryOnMe";
import { t } from "./words.manager";

const Cuts = later(() => import("./Cuts"));
const Conflict = later(withWords(() => import("./Conflict"), "manager", "further"));

export default function ActivityScreen() {
  const { params } = useRoute();
  const activity = useActivity(params.id ?? "");
  if (activity.data) return <Activity key={activity.data.activity_id} current={activity.data} />;
  if (activity.error) return <ErrorState error={activity.error} onRetry={() => void activity.refetch()} />;
  return (
    <Loading>
      <Skeleton height="4rem" />
      <Skeleton height="24rem" />
    </Loading>
  );
}

const FIXED: ActivityView["status"][] = ["ended", "archived"];

function Activity({ current }: { current: ActivityView }) {
  const { route } = useLocation();
  const draftName = `draft.activity.${current.activity_id}`;
  const draft = useMemo(() => readDraft(draftName), []);
  const [base, setBase] = useState<Base>(draft?.base ?? baseOf(current));
  const [typed, setFields] = useState<Fields>(draft?.fields ?? base.fields);
  const [refused, setRefused] = useState<FieldErrors>({});
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [theirs, setTheirs] = useState<ActivityView>();
  const form = useRef<HTMLFormElement>(null);
  const upload = useMemo(() => new Upload(), []);
  const cuts = useMemo(cutUploads, []);
  const fields = withCuts(typed, cuts);
  const ofCuts = cutsState(fields, cuts);
  const state = upload.state.value;
  const uploadId = state.stage === "sent" ? state.uploadId : undefined;
  const verdict = useVerdict(uploadId);
  const { items, dialog } = useLifecycle(() => route("/manage/activities"));

  const heldBack = isHeldBack(current);
  const fixed = FIXED.includes(current.status);
  const changed = changedFields(base.fields, fields);
  // An empty place for a cut is nothing that could be saved.
  const dirty = !fixed && (changed.length > 0 || state.stage !== "none" || isPending(cuts));
  const { isKept, forget } = useDraft(draftName, changed.length > 0 && !fixed ? { fields, base } : undefined);
  useZoneChange((move) => {
    setBase(({ version, fields: before }) => ({ version, fields: move(before) }));
    setFields(move);
  });
  const beginWith = (activity: ActivityView): void => {
    const now = baseOf(activity);
    setBase(now);
    setFields(now.fields);
  };
  const errors = { ...check(fields, zone.value), ...refused };

  useTitle(current.instructions.slice(0, 40));
  useEffect(() => {
    return () => {
      upload.forget();
      forgetCuts(cuts);
    };
  }, []);
  useEffect(() => {
    // Nothing is being typed, so what somebody else changed is simply shown.
    if (current.version === base.version || dirty) return;
    forgetCuts(cuts);
    beginWith(current);
  }, [current.version, dirty]);

  const save = async (wanted: Fields, from: Base, publishing = false): Promise<void> => {
    setError(undefined);
    if (Object.keys(check(wanted, zone.value)).length > 0) return showFirstError(form.current);
    setBusy(true);
    try {
      const names = changedFields(from.fields, wanted);
      const saved = await change(current.activity_id, {
        ...bodyOf(wanted, names),
        ...(publishing ? bodyOf(wanted, ["starts"]) : {}),
        ...(uploadId ? { upload_id: uploadId } : {}),
        version: from.version,
      } as Parameters<typeof change>[1]);
      forget();
      upload.forget();
      forgetCuts(cuts);
      setTheirs(undefined);
      setRefused({});
      beginWith(saved);
      toast(publishing ? t(saved.status === "active" ? "status_active" : "published_toast") : t("saved_toast"));
    } catch (caught) {
      const problem = asProblem(caught);
      if (problem.code === "changed_meanwhile") setTheirs(await readActivity(current.activity_id).catch(() => undefined));
      const found = errorsOf(problem);
      setRefused(found);
      setError(problem);
      if (Object.keys(found).length > 0) showFirstError(form.current);
    } finally {
      setBusy(false);
    }
  };

  const discard = (): void => {
    forget();
    upload.forget();
    forgetCuts(cuts);
    setError(undefined);
    setRefused({});
    beginWith(current);
  };
  const publishNow = (): void => void save(fields, base, true);
  const url = upload.localUrl.value ?? current.video?.preview_url;
  return (
    <>
      <header class={css.head}>
        <BackLink href="/manage/activities">{t("activities_title")}</BackLink>
        <div class={css.headLine}>
          <h1 tabIndex={-1} dir="auto">
            {current.instructions}
          </h1>
          <span class={css.buttons}>
            <TryOnMe activity={current} offered={!["processing", "rejected", "ended", "archived"].includes(current.status)} />
            {heldBack && current.status !== "processing" ? (
              <Button kind="primary" busy={busy} onClick={publishNow}>
                {t("publish_now")}
              </Button>
            ) : null}
            <LinkButton icon="leaderboard" href={`/manage/activities/${current.activity_id}/report`}>
              {t("report")}
            </LinkButton>
            <Menu label={t("actions_of", { name: current.instructions.slice(0, 60) })} items={items(current)}>
              <Icon name="more" />
            </Menu>
          </span>
        </div>
        <div class={css.facts}>
          <Status activity={current} />
          <span>{windowWords(current)}</span>
          <span>{current.performed ? t("sent_yes_long") : t("sent_no_long")}</span>
          <span>{t("made_at", { when: dateTime(current.created_at) })}</span>
          <CopyableId id={current.activity_id} />
        </div>
      </header>
      <div class={css.page}>
        <form
          ref={form}
          class={css.form}
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            if (!busy && dirty) void save(fields, base);
          }}
        >
          <StateNote activity={current} heldBack={heldBack} />
          {dirty && current.version > base.version && !theirs ? (
            <Note tone="warning" alert>
              <p>{t("changed_meanwhile")}</p>
              <span class={css.buttons}>
                <Button size="small" onClick={() => setTheirs(current)}>
                  {t("show_both")}
                </Button>
              </span>
            </Note>
          ) : null}
          {!fixed && !current.performed ? (
            <>
              <DropAnywhere uploads={[...cuts.value, upload]} otherwise={upload} />
              <ReplaceVideo open={current.status === "rejected"} upload={upload} verdict={verdict} />
            </>
          ) : null}
          {fixed ? null : current.performed ? (
            fields.cuts.length > 0 ? (
              <Note icon="lock">{t("cuts_fixed", { count: fields.cuts.length + 1 })}</Note>
            ) : null
          ) : fields.cuts.length > 0 || cuts.value.length > 0 ? (
            <Cuts
              ids={typed.cuts}
              uploads={cuts}
              error={errors.cuts ?? (ofCuts === "unfit" ? t("cut_unfit") : undefined)}
              onAdopted={() => setFields((now) => ({ ...now, cuts: [] }))}
            />
          ) : (
            <AddCut uploads={cuts} />
          )}
          {fixed ? null : (
            <ActivityFields
              fields={fields}
              errors={errors}
              onChange={(added) => {
                setFields((now) => ({ ...now, ...added }));
                setRefused((now) => Object.fromEntries(Object.entries(now).filter(([name]) => !(name in added))));
              }}
            />
          )}
          {error && !theirs ? <ErrorNote error={error} /> : null}
          {dirty ? (
            <div class={forms.bar}>
              <p role="status">{state.stage === "sending" || ofCuts === "under_way" ? t("awaited") : isKept ? t("unsaved") : t("draft_not_kept")}</p>
              <Button onClick={discard}>{t("discard")}</Button>
              <Button
                kind="primary"
                type="submit"
                busy={busy}
                disabled={
                  !["none", "sent"].includes(state.stage) ||
                  verdict.data?.status === "rejected" ||
                  isPending(cuts) ||
                  (ofCuts === "unfit" && changed.includes("cuts"))
                }
              >
                {t("save")}
              </Button>
            </div>
          ) : null}
        </form>
        <CardPreview
          id={current.activity_id}
          fields={fields}
          video={{ ...current.video, ...seenVideo(upload), ...verdict.data?.video, preview_url: url ?? null }}
        />
      </div>
      {dialog}
      {theirs ? (
        <Conflict
          base={base.fields}
          mine={fields}
          theirs={fieldsOf(theirs, zone.value)}
          onClose={() => setTheirs(undefined)}
          onMerged={(merged) => {
            forgetCuts(cuts);
            const now = baseOf(theirs);
            setFields(merged);
            setBase(now);
            setTheirs(undefined);
            void save(merged, now);
          }}
        />
      ) : null}
      <LeaveGuard
        dirty={dirty}
        kept={isKept && state.stage === "none" && ofCuts !== "under_way"}
        discard={() => void kept.write(draftName, undefined)}
      />
    </>
  );
}

function StateNote({ activity, heldBack }: { activity: ActivityView; heldBack: boolean }) {
  if (activity.status === "processing") {
    return (
      <Note icon="clock">
        <p role="status">{heldBack ? t("processing_held_back") : t("processing_note")}</p>
      </Note>
    );
  }
  if (activity.status === "rejected") {
    return (
      <Note tone="bad">
        <p>{t("rejected_note")}</p>
        {activity.cuts.length > 0 ? (
          activity.cuts.map(({ upload_id, problems }, at) =>
            problems.length > 0 ? (
              <div key={upload_id}>
                <strong>{t("cut_number", { count: at + 1 })}</strong>
                <Problems problems={problems} />
              </div>
            ) : null,
          )
        ) : (
          <Problems problems={activity.problems} />
        )}
      </Note>
    );
  }
  if (heldBack) {
    return (
      <Note tone="warning" icon="lock">
        <p>{t("held_back_note")}</p>
      </Note>
    );
  }
  if (activity.status === "ended") return <Note>{t("ended_note")}</Note>;
  if (activity.status === "archived") return <Note icon="archive">{t("archived_note")}</Note>;
  return null;
}

type ReplaceProps = { open: boolean; upload: Upload; verdict: ReturnType<typeof useVerdict> };

function ReplaceVideo({ open, upload, verdict }: ReplaceProps) {
  const [shown, setShown] = useState(open);
  if (!shown && upload.state.value.stage === "none") {
    return (
      <span>
        <Button icon="upload" onClick={() => setShown(true)}>
          {t("replace_video")}
        </Button>
      </span>
    );
  }
  return (
    <section class={css.plain} aria-label={t("replace_video")}>
      <VideoPicker upload={upload} verdict={verdict} />
    </section>
  );
}
