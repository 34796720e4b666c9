/** Drafts that agents and others have saved: a manager goes on with one, or throws it away. */
import { useQuery } from "@tanstack/preact-query";
import { useLocation } from "preact-iso";
import { useState } from "preact/hooks";
import { answer, api, type Schemas } from "../foundation/api/client";
import { queryClient } from "../foundation/api/queries";
import { kept } from "../foundation/store";
import { number, relative } from "../foundation/time";
import { Button } from "../foundation/ui/buttons";
import { Confirm } from "../foundation/ui/Dialog";
import { Card } from "../foundation/ui/parts";
import { toast } from "../foundation/ui/toasts";
import { toastProblem } from "../foundation/ui/toast_problem";
import { type Draft, NEW_DRAFT, readDraft } from "./draft";
import css from "./drafts.module.css";
import { fieldsOfDraft } from "./form";
import { t } from "./words.manager";

type DraftView = Schemas["DraftView"];
type Asked = { what: "continue" | "remove"; draft: DraftView };

const DRAFTS = ["drafts"];

export async function removeDraft(id: string): Promise<void> {
  try {
    await answer(api.DELETE("/drafts/{draft_id}", { params: { path: { draft_id: id } } }));
  } finally {
    void queryClient.invalidateQueries({ queryKey: DRAFTS });
  }
}

export default function Drafts() {
  const { route } = useLocation();
  const drafts = useQuery({ queryKey: DRAFTS, queryFn: () => answer(api.GET("/drafts")) }).data?.items ?? [];
  const [asked, setAsked] = useState<Asked>();
  const goOn = (draft: DraftView): void => {
    kept.write(NEW_DRAFT, { fields: fieldsOfDraft(draft), draftId: draft.draft_id } satisfies Draft);
    route("/manage/activities/new");
  };
  const begin = (draft: DraftView): void => {
    const begun = readDraft(NEW_DRAFT);
    if (begun && begun.draftId !== draft.draft_id) setAsked({ what: "continue", draft });
    else if (begun) route("/manage/activities/new");
    else goOn(draft);
  };
  const confirmed = ({ what, draft }: Asked): void => {
    setAsked(undefined);
    if (what === "continue") return goOn(draft);
    removeDraft(draft.draft_id).then(
      () => toast(t("draft_removed")),
      (error: unknown) => toastProblem(error),
    );
  };
  return (
    <>
      {drafts.length > 0 ? <Waiting drafts={drafts} onBegin={begin} onRemove={(draft) => setAsked({ what: "remove", draft })} /> : null}
      {asked ? (
        <Confirm
          title={asked.what === "remove" ? t("draft_remove_title") : t("draft_replace_title")}
          open
          dangerous
          confirm={asked.what === "remove" ? t("draft_remove") : t("draft_replace")}
          onClose={() => setAsked(undefined)}
          onConfirm={() => confirmed(asked)}
        >
          <p>
            <bdi>{asked.draft.instructions.slice(0, 140)}</bdi>
          </p>
          <p>{asked.what === "remove" ? t("draft_remove_text") : t("draft_replace_text")}</p>
        </Confirm>
      ) : null}
    </>
  );
}

type WaitingProps = { drafts: DraftView[]; onBegin: (draft: DraftView) => void; onRemove: (draft: DraftView) => void };

function Waiting({ drafts, onBegin, onRemove }: WaitingProps) {
  return (
    <section class={css.drafts} aria-labelledby="drafts">
      <h2 id="drafts">{t("drafts_title")}</h2>
      <p>{t("drafts_text")}</p>
      <Card padded={false}>
        <ul>
          {drafts.map((draft) => (
            <li key={draft.draft_id} class={css.draft}>
              <div>
                <bdi class={css.words}>{draft.instructions}</bdi>
                <span class={css.under}>
                  {t("draft_facts", { when: relative(draft.created_at), points: number(draft.points) })}
                </span>
              </div>
              <Button aria-label={t("draft_remove_of", { name: draft.instructions.slice(0, 60) })} onClick={() => onRemove(draft)}>
                {t("draft_remove")}
              </Button>
              <Button kind="primary" aria-label={t("draft_continue_of", { name: draft.instructions.slice(0, 60) })} onClick={() => onBegin(draft)}>
                {t("draft_continue")}
              </Button>
            </li>
          ))}
        </ul>
      </Card>
    </section>
  );
}
