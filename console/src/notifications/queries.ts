import { useQuery } from "@tanstack/preact-query";
import { answer, api, type Schemas } from "../foundation/api/client";
import { queryClient } from "../foundation/api/queries";
import { ME } from "../me/queries";

export type Notice = Schemas["NoticeView"];
export type Mail = Schemas["MailView"];
export type Changes = Schemas["ChangeNotifications"];
type Notifications = Schemas["Notifications"];

const NOTICES = ["notices"];

export function useNotices() {
  return useQuery({ queryKey: NOTICES, queryFn: (): Promise<Notifications> => answer(api.GET("/notifications")) });
}

/** Says which were seen; shown so at once. */
export async function noteRead(ids: string[]): Promise<void> {
  if (ids.length === 0) return;
  const read = new Set(ids);
  queryClient.setQueryData<Notifications>(NOTICES, (known) =>
    known && { ...known, items: known.items.map((each) => (read.has(each.notice_id) ? { ...each, read: true } : each)) },
  );
  await answer(api.POST("/notifications/read", { body: { notice_ids: ids } }));
  await queryClient.invalidateQueries({ queryKey: ME });
}

export async function changeMails(changes: Partial<Changes>): Promise<void> {
  const changed = await answer(api.PATCH("/me/notifications", { body: changes as Changes }));
  queryClient.setQueryData(NOTICES, changed);
}
