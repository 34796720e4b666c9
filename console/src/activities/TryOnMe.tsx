import { useState } from "preact/hooks";
import { Button } from "../foundation/ui/buttons";
import { useMe } from "../me/queries";
import { later } from "../foundation/later";
import { withWords } from "../foundation/words";
import { queryClient } from "../foundation/api/queries";
import type { ActivityView } from "./form";
import { tryOnMe } from "./manager_queries";
import { t } from "./words.manager";

const SendDialog = later(withWords(() => import("../performances/SendDialog"), "further", "sends"));

/** Stages the video to the manager's own inbox: the surest check there is. */
export function TryOnMe({ activity, kind }: { activity: ActivityView; kind?: "primary" | "secondary" }) {
  const [open, setOpen] = useState(false);
  const connected = useMe().data?.tiktok_account?.status === "connected";
  return (
    <>
      <Button kind={kind ?? "secondary"} icon="send" onClick={() => setOpen(true)}>
        {t("try_on_me")}
      </Button>
      {open ? (
        <SendDialog
          item={{
            activity_id: activity.activity_id,
            instructions: activity.instructions,
            action: { kind: connected ? "send_to_tiktok" : "add_account_and_send" },
          }}
          sendIt={tryOnMe}
          foreword={t("try_text")}
          label={connected ? t("try_on_me") : t("connect_first")}
          onClose={() => {
            setOpen(false);
            void queryClient.invalidateQueries({ queryKey: ["performances"] });
          }}
        />
      ) : null}
    </>
  );
}
