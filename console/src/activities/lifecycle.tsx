/** Ending, archiving and duplicating: asked for in words, taken back where that is possible. */
import { useLocation } from "preact-iso";
import { useState } from "preact/hooks";
import { now } from "../foundation/clock";
import { copyText } from "../foundation/copy";
import { isPast, zone } from "../foundation/time";
import { Confirm } from "../foundation/ui/Dialog";
import type { MenuItem } from "../foundation/ui/Menu";
import { ErrorNote } from "../foundation/ui/parts";
import { useRequest } from "../foundation/ui/request";
import { toast } from "../foundation/ui/toasts";
import { toastProblem } from "../foundation/ui/toast_problem";
import { setAside } from "./draft";
import { type ActivityView, fieldsOf, heldBackStart } from "./form";
import { archiveActivity, duplicate, endActivity, unarchiveActivity } from "./manager_queries";
import { t } from "./words.manager";

const tell = (error: unknown): void => toastProblem(error);

/** Archives, and offers to take that back; later the menu among the archived ones does. */
async function archive(activity: ActivityView): Promise<void> {
  const archived = await archiveActivity(activity);
  toast(t("archived_toast"), { label: t("undo"), run: () => restore(archived) });
}

function restore(activity: ActivityView): void {
  unarchiveActivity(activity).then(() => toast(t("restored_toast")), tell);
}

export type Lifecycle = {
  /** The actions possible now. */
  items: (activity: ActivityView) => MenuItem[];
  dialog: preact.JSX.Element | null;
};

type Asked = { what: "end" | "archive"; activity: ActivityView };

export function useLifecycle(onArchived?: () => void): Lifecycle {
  const { route } = useLocation();
  const [asked, setAsked] = useState<Asked>();
  const { busy, error, setError, run } = useRequest();

  const ask = (what: Asked["what"], activity: ActivityView): void => {
    setError(undefined);
    setAsked({ what, activity });
  };
  const act = ({ what, activity }: Asked): Promise<void> =>
    run(async () => {
      await (what === "end" ? endActivity(activity) : archive(activity));
      setAsked(undefined);
      if (what === "end") toast(t("ended_toast"));
      else onArchived?.();
    });
  const copy = async (activity: ActivityView): Promise<void> => {
    try {
      const fields = fieldsOf(activity, zone.value);
      const made = await duplicate(activity.activity_id, {
        starts_at: heldBackStart(now()),
        ends_at: null,
      } as Parameters<typeof duplicate>[1]);
      const ends = activity.ends_at && !isPast(activity.ends_at) ? fields.ends : "";
      setAside(made, { ...fields, starts: "", ends });
      toast(t("duplicated_toast"));
      route(`/manage/activities/${made.activity_id}`);
    } catch (caught) {
      tell(caught);
    }
  };

  const items = (activity: ActivityView): MenuItem[] => {
    const { status } = activity;
    const goesOn = ["active", "scheduled", "processing"].includes(status);
    return [
      ...(status === "rejected"
        ? []
        : [{ label: t("duplicate"), icon: "copy" as const, onSelect: () => void copy(activity) }]),
      {
        label: t("copy_id"),
        icon: "copy",
        onSelect: () => void copyText(activity.activity_id).then((done) => toast(t(done ? "id_copied" : "id_not_copied"))),
      },
      ...(goesOn
        ? [{ label: t("end_now"), icon: "clock" as const, dangerous: true, onSelect: () => ask("end", activity) }]
        : []),
      ...(status === "archived"
        ? [{ label: t("restore"), icon: "archive" as const, onSelect: () => restore(activity) }]
        : [
            {
              label: t("archive"),
              icon: "archive" as const,
              dangerous: goesOn,
              onSelect: () => {
                if (goesOn) return ask("archive", activity);
                archive(activity).then(() => onArchived?.(), tell);
              },
            },
          ]),
    ];
  };

  const dialog = asked ? (
    <Confirm
      title={asked.what === "end" ? t("end_title") : t("archive_title")}
      open
      dangerous
      busy={busy}
      confirm={asked.what === "end" ? t("end_now") : t("archive")}
      onClose={() => setAsked(undefined)}
      onConfirm={() => void act(asked)}
    >
      <p>
        <bdi>{asked.activity.instructions.slice(0, 140)}</bdi>
      </p>
      <p>{asked.what === "end" ? t("end_text") : t("archive_text")}</p>
      {error ? <ErrorNote error={error} /> : null}
    </Confirm>
  ) : null;
  return { items, dialog };
}
