import { useLocation } from "preact-iso";
import { useEffect, useRef, useState } from "preact/hooks";
import { showFirstError } from "../activities/NewActivityScreen";
import editor from "../activities/editor.module.css";
import { inZone } from "../activities/form";
import { asProblem } from "../foundation/api/problems";
import { LeaveGuard } from "../foundation/leaving";
import { kept } from "../foundation/store";
import { zone } from "../foundation/time";
import { Button } from "../foundation/ui/buttons";
import forms from "../foundation/ui/forms.module.css";
import { ErrorNote, PageHead } from "../foundation/ui/parts";
import { toast } from "../foundation/ui/toasts";
import { bodyOf, changedFields, check, EMPTY, errorsOf, type FieldErrors, type Fields } from "./form";
import { createReward } from "./manager_queries";
import { RewardFields, RewardPreview } from "./RewardFields";
import { t } from "./words.manager";

const DRAFT = "draft.reward";
type Draft = { fields: Fields; url: string | null; /** In which times are typed. */ zone?: string };

export default function NewRewardScreen() {
  const { route } = useLocation();
  const [before] = useState(() => kept.read<Draft>(DRAFT));
  const [fields, setFields] = useState<Fields>(() =>
    inZone({ ...EMPTY, ...before?.fields }, before?.zone ?? zone.value, zone.value),
  );
  const [url, setUrl] = useState<string | null>(before?.url ?? null);
  const [tried, setTried] = useState(false);
  const [refused, setRefused] = useState<FieldErrors>({});
  const [busy, setBusy] = useState<"active" | "draft">();
  const [error, setError] = useState<unknown>();
  const [isKept, setKept] = useState(true);
  const done = useRef(false);
  const form = useRef<HTMLFormElement>(null);
  const touched = changedFields(EMPTY, fields).length > 0;
  useEffect(() => {
    setKept(kept.write(DRAFT, touched && !done.current ? { fields, url, zone: zone.value } : undefined));
  }, [JSON.stringify(fields), url]);
  const forget = (): void => {
    done.current = true;
    kept.write(DRAFT, undefined);
  };
  const send = async (state: "active" | "draft"): Promise<void> => {
    setTried(true);
    setError(undefined);
    if (busy) return;
    if (Object.keys(check(fields)).length > 0) return showFirstError(form.current);
    setBusy(state);
    try {
      const made = await createReward({ ...bodyOf(fields), state });
      forget();
      toast(t(state === "draft" ? "draft_toast" : "offered_toast", { title: made.title }));
      route("/manage/rewards");
    } catch (caught) {
      const problem = asProblem(caught);
      setBusy(undefined);
      setRefused(errorsOf(problem));
      setError(problem);
      showFirstError(form.current);
    }
  };
  return (
    <>
      <PageHead title={t("new_title")}>{t("new_text")}</PageHead>
      <div class={editor.page}>
        <form
          ref={form}
          class={editor.form}
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            void send("active");
          }}
        >
          <RewardFields
            fields={fields}
            errors={{ ...(tried ? check(fields) : {}), ...refused }}
            taken={0}
            url={url}
            onPicture={setUrl}
            onChange={(changed) => {
              setFields((now) => ({ ...now, ...changed }));
              setRefused({});
            }}
          />
          {error ? <ErrorNote error={error} /> : null}
          <div class={forms.bar}>
            <p role="status">{touched && isKept ? t("draft_kept") : null}</p>
            <Button busy={busy === "draft"} onClick={() => void send("draft")}>
              {t("save_draft")}
            </Button>
            <Button kind="primary" type="submit" icon="gift" busy={busy === "active"}>
              {t("offer")}
            </Button>
          </div>
        </form>
        <RewardPreview fields={fields} url={url} taken={0} />
      </div>
      <LeaveGuard dirty={touched && !done.current} kept={isKept} discard={forget} />
    </>
  );
}
