import { effect } from "@preact/signals";
import { useLocation } from "preact-iso";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { asProblem } from "../foundation/api/problems";
import { later } from "../foundation/later";
import { LeaveGuard } from "../foundation/leaving";
import { onPersonLeft } from "../foundation/session/session";
import { kept } from "../foundation/store";
import { zone } from "../foundation/time";
import { Button } from "../foundation/ui/buttons";
import { ErrorNote, Note, PageHead } from "../foundation/ui/parts";
import { announce, toast } from "../foundation/ui/toasts";
import { now } from "../foundation/clock";
import forms from "../foundation/ui/forms.module.css";
import { seenVideo, Upload, useVerdict } from "../videos/upload";
import { DropAnywhere, VideoPicker } from "../videos/VideoPicker";
import { ActivityFields } from "./ActivityFields";
import { CardPreview } from "./CardPreview";
import { cutsState, type CutUploads, cutUploads, forgetCuts, newCut, withCuts } from "./cuts";
import { type Draft, NEW_DRAFT, readDraft, setAside, useDraft, useZoneChange } from "./draft";
import { removeDraft } from "./Drafts";
import css from "./editor.module.css";
import { bodyOf, changedFields, check, EMPTY, errorsOf, type FieldErrors, type Fields, heldBackStart } from "./form";
import { publish, publishedAs } from "./manager_queries";
import { t } from "./words.manager";

/** Outlives the screen: who looks at something else meanwhile does not stop the upload. */
const upload = new Upload();
const cuts = cutUploads();
onPersonLeft(() => {
  upload.forget();
  forgetCuts(cuts);
});
const Cuts = later(() => import("./Cuts"));
effect(() => {
  const state = upload.state.value;
  const draft = state.stage === "sent" ? readDraft(NEW_DRAFT) : undefined;
  if (draft && state.stage === "sent") {
    kept.write(NEW_DRAFT, { ...draft, upload: { name: state.name, uploadId: state.uploadId } } satisfies Draft);
  }
});

export default function NewActivityScreen() {
  const { route } = useLocation();
  const before = useMemo(() => readDraft(NEW_DRAFT), []);
  const [typed, setFields] = useState<Fields>({ ...EMPTY, ...before?.fields });
  const fields = withCuts(typed, cuts);
  const [refused, setRefused] = useState<FieldErrors>({});
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState<"publish" | "hold">();
  const [error, setError] = useState<unknown>();
  /** Pressed while the video was still on its way: goes on by itself once it has arrived. */
  const [awaited, setAwaited] = useState<"publish" | "hold">();
  const done = useRef(false);
  const form = useRef<HTMLFormElement>(null);

  const state = upload.state.value;
  const uploadId = state.stage === "sent" ? state.uploadId : undefined;
  const verdict = useVerdict(uploadId);
  const isLost = verdict.data?.status === "rejected" || verdict.data?.status === "expired";

  useEffect(() => {
    if (before?.upload) void upload.resume(before.upload);
    // An earlier choice belongs to another activity.
    else if (before?.draftId) {
      upload.forget();
      forgetCuts(cuts);
    }
    // A published or discarded draft stays in sight until the next screen has been fetched.
    return () => {
      if (!done.current) return;
      upload.forget();
      forgetCuts(cuts);
    };
  }, []);

  // Published from another tab that had the same draft: what is made here would be made twice.
  useEffect(() => {
    const look = ({ key, newValue }: StorageEvent): void => {
      const { value } = upload.state;
      const made = value.stage === "sent" ? publishedAs(value.uploadId) : undefined;
      if (newValue !== null || !key?.endsWith(`.${NEW_DRAFT}`) || !made) return;
      discard();
      route(`/manage/activities/${made}`);
    };
    addEventListener("storage", look);
    return () => removeEventListener("storage", look);
  }, []);

  const ofCuts = cutsState(fields, cuts);
  const touched = changedFields(EMPTY, fields).length > 0 || state.stage !== "none" || cuts.value.length > 0;
  const draft: Draft | undefined =
    touched && !done.current
      ? {
          fields,
          ...(before?.draftId ? { draftId: before.draftId } : {}),
          ...(state.stage === "none" || state.stage === "refused"
            ? {}
            : { upload: { name: state.name, ...(uploadId ? { uploadId } : {}) } }),
        }
      : undefined;
  const { isKept, forget } = useDraft(NEW_DRAFT, draft);
  useZoneChange(setFields);

  const errors: FieldErrors = { ...(tried ? check(fields, zone.value) : timesOnly(check(fields, zone.value))), ...refused };
  const change = (changed: Partial<Fields>): void => {
    setFields((current) => ({ ...current, ...changed }));
    // The server's errors were about the fields as they were before.
    setRefused((current) => Object.fromEntries(Object.entries(current).filter(([name]) => !(name in changed))));
  };

  const discard = (): void => {
    done.current = true;
    forget();
  };

  const send = async (how: "publish" | "hold"): Promise<void> => {
    setTried(true);
    setError(undefined);
    if (Object.keys(check(fields, zone.value)).length > 0) return showFirstError(form.current);
    if (state.stage === "sending" || state.stage === "checking" || ofCuts === "under_way") {
      setAwaited(how);
      return;
    }
    if (ofCuts === "unfit") {
      setAwaited(undefined);
      return announce(t("cut_unfit"));
    }
    if (!uploadId || isLost) {
      announce(t("video_missing"));
      form.current?.querySelector("#video")?.scrollIntoView({ block: "center" });
      form.current?.querySelector<HTMLElement>("#video button")?.focus();
      return;
    }
    setAwaited(undefined);
    setBusy(how);
    const held = how === "hold" && !fields.starts;
    const body = { ...bodyOf(fields), upload_id: uploadId } as Parameters<typeof publish>[0];
    try {
      const made = await publish(held ? { ...body, starts_at: heldBackStart(now()), ends_at: null } : body);
      // With what was set aside: an activity that is held back begins and ends when it is published.
      if (held) setAside(made, { ...fields, setting: made.content_disclosure });
      // One that stays, because this failed, is thrown away by hand.
      if (before?.draftId) void removeDraft(before.draftId).catch(() => undefined);
      discard();
      toast(how === "hold" ? t("held_back_toast") : t("published_toast"));
      route(`/manage/activities/${made.activity_id}`);
    } catch (caught) {
      const problem = asProblem(caught);
      setBusy(undefined);
      const found = errorsOf(problem);
      setRefused(found);
      setError(problem);
      if (Object.keys(found).length > 0) showFirstError(form.current);
    }
  };

  useEffect(() => {
    if (awaited && state.stage === "sent" && ofCuts !== "under_way") void send(awaited);
    if (awaited && (state.stage === "stopped" || state.stage === "refused")) setAwaited(undefined);
  }, [awaited, state.stage, ofCuts]);

  const video = verdict.data?.video;
  const url = upload.localUrl.value && state.stage !== "refused" ? upload.localUrl.value : video?.preview_url;
  return (
    <>
      <DropAnywhere uploads={[upload, ...cuts.value]} otherwise={upload} />
      <PageHead title={t("new_title")}>{t("new_text")}</PageHead>
      <div class={css.page}>
        <form
          ref={form}
          class={css.form}
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            if (!busy) void send("publish");
          }}
        >
          <section class={css.plain} id="video" aria-label={t("section_video")}>
            <VideoPicker upload={upload} verdict={verdict} />
            {tried && state.stage === "none" ? <Note tone="bad">{t("video_missing")}</Note> : null}
          </section>
          {fields.cuts.length > 0 || cuts.value.length > 0 ? (
            <Cuts
              ids={typed.cuts}
              uploads={cuts}
              error={errors.cuts ?? (tried && ofCuts === "unfit" ? t("cut_unfit") : undefined)}
              onAdopted={() => change({ cuts: [] })}
            />
          ) : state.stage === "none" ? null : (
            <AddCut uploads={cuts} />
          )}
          <ActivityFields fields={fields} errors={errors} onChange={change} />
          {error ? <ErrorNote error={error} /> : null}
          {isKept ? null : <Note tone="warning">{t("draft_not_kept")}</Note>}
          <div class={forms.bar}>
            <p role="status">{awaited ? t("awaited") : isKept && touched ? t("draft_kept") : null}</p>
            <Button busy={busy === "hold" || awaited === "hold"} onClick={() => busy ?? void send("hold")}>
              {t("try_first")}
            </Button>
            <Button kind="primary" type="submit" busy={busy === "publish" || awaited === "publish"}>
              {t("publish")}
            </Button>
          </div>
        </form>
        <CardPreview id="new" fields={fields} video={{ ...seenVideo(upload), ...video, preview_url: url ?? null }} />
      </div>
      <LeaveGuard
        dirty={touched && !done.current}
        kept={isKept && state.stage !== "sending" && ofCuts !== "under_way"}
        title={t("leave_title")}
        discard={discard}
      >
        {state.stage === "sending" || ofCuts === "under_way" ? t("leave_text_sending") : t("leave_text")}
      </LeaveGuard>
    </>
  );
}

/** Makes room for one more cut of the video. */
export function AddCut({ uploads }: { uploads: CutUploads }) {
  return (
    <span id="add-cut">
      <Button
        size="small"
        icon="plus"
        onClick={() => {
          uploads.value = [...uploads.value, newCut()];
        }}
      >
        {t("add_cut")}
      </Button>
    </span>
  );
}

/** Before anything was pressed only a time that cannot be meant is worth a word. */
export function timesOnly({ starts, ends }: FieldErrors): FieldErrors {
  return { ...(starts ? { starts } : {}), ...(ends ? { ends } : {}) };
}

/** Leads to the first field that needs another look. */
export function showFirstError(form: HTMLFormElement | null): void {
  requestAnimationFrame(() => {
    const field = form?.querySelector<HTMLElement>("[aria-invalid=true]");
    field?.scrollIntoView({ block: "center" });
    field?.focus({ preventScroll: true });
  });
}
