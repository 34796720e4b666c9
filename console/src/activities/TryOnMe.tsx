import { useState } from "preact/hooks";
import { Button } from "../foundation/ui/buttons";
import { Select } from "../foundation/ui/fields";
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
  const [cut, setCut] = useState("");
  const connected = useMe().data?.tiktok_account?.status === "connected";
  return (
    <>
      {offered ? (
        <Button
          icon="send"
          onClick={() => {
            setCut("");
            setTried(activity);
          }}
        >
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
          sendIt={(id) => tryOnMe(id, cut)}
          foreword={
            <>
              <p>{t("try_text")}</p>
              {tried.cuts.length > 0 ? (
                <Select label={t("try_cut")} value={cut} onChange={(event) => setCut(event.currentTarget.value)}>
                  <option value="">{t("try_cut_own")}</option>
                  {tried.cuts.map((each, at) => (
                    <option key={each.upload_id} value={each.upload_id}>
                      {t("cut_number", { count: at + 1 })}
                    </option>
                  ))}
                </Select>
              ) : null}
            </>
          }
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
