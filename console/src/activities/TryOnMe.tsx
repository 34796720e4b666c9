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

type Props = {
  activity: ActivityView;
  /** Whether it can be begun now. One that was begun goes on, whatever becomes of the activity meanwhile. */
  offered: boolean;
};

/** Stages the video to the manager's own inbox: the surest check there is. */
export function TryOnMe({ activity, offered }: Props) {
  const [tried, setTried] = useState<ActivityView>();
  const connected = useMe().data?.tiktok_account?.status === "connected";
  return (
    <>
      {offered ? (
        <Button icon="send" onClick={() => setTried(activity)}>
          {t("try_on_me")}
        </Button>
      ) : null}
      {tried ? (
        <SendDialog
          item={{
            activity_id: tried.activity_id,
            instructions: tried.instructions,
            action: { kind: connected ? "send_to_tiktok" : "add_account_and_send" },
          }}
          sendIt={tryOnMe}
          foreword={t("try_text")}
          label={connected ? t("try_on_me") : t("connect_first")}
          onClose={() => {
            setTried(undefined);
            void queryClient.invalidateQueries({ queryKey: ["performances"] });
          }}
        />
      ) : null}
    </>
  );
}
