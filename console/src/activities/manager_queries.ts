import { useInfiniteQuery, useQuery } from "@tanstack/preact-query";
import { answer, api, type Schemas } from "../foundation/api/client";
import { once } from "../foundation/api/idempotency";
import { queryClient } from "../foundation/api/queries";
import { kept } from "../foundation/store";
import { type ActivityView, MAX_CHANNELS } from "./form";

type Page = Schemas["ActivityList"];
type Filter = { campaign: string; archived: boolean };

const ACTIVITIES = ["activities"];
const PAGE = 25;
const PROCESSING_MS = 3_000;

const one = (id: string) => ["activity", id];
const at = (id: string) => ({ params: { path: { activity_id: id } } });

export function useActivities({ campaign, archived }: Filter) {
  return useInfiniteQuery({
    queryKey: [...ACTIVITIES, campaign, archived],
    initialPageParam: "",
    queryFn: ({ pageParam }): Promise<Page> =>
      answer(
        api.GET("/activities", {
          params: {
            query: {
              limit: PAGE,
              archived,
              ...(campaign ? { campaign_id: campaign } : {}),
              ...(pageParam ? { cursor: pageParam } : {}),
            },
          },
        }),
      ),
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    // An activity in validation changes its state by itself.
    refetchInterval: ({ state }) =>
      state.data?.pages.some((page) => page.items.some(({ status }) => status === "processing")) ? PROCESSING_MS : false,
  });
}

/** The counts of the activities on a list, by id: a call per page. */
export function useTotals(ids: string[]) {
  return useQuery({
    queryKey: ["reports", "totals", ids.join()],
    enabled: ids.length > 0,
    placeholderData: (before) => before,
    queryFn: async () => {
      const pages = Array.from({ length: Math.ceil(ids.length / PAGE) }, (_, at) => ids.slice(at * PAGE, (at + 1) * PAGE));
      const found = await Promise.all(
        pages.map((page) => answer(api.GET("/reports/activities", { params: { query: { activity_ids: page.join() } } }))),
      );
      return new Map(found.flatMap(({ items }) => items).map((each) => [each.activity_id, each]));
    },
  });
}

export function useActivity(id: string) {
  return useQuery({
    queryKey: one(id),
    queryFn: () => readActivity(id),
    refetchInterval: ({ state }) => (state.data?.status === "processing" ? PROCESSING_MS : false),
  });
}

export const readActivity = (id: string): Promise<ActivityView> => answer(api.GET("/activities/{activity_id}", at(id)));

/** Puts an activity that the API answered with into what is shown of it. */
function took(activity: ActivityView): ActivityView {
  queryClient.setQueryData(one(activity.activity_id), activity);
  void queryClient.invalidateQueries({ queryKey: ACTIVITIES });
  void queryClient.invalidateQueries({ queryKey: ["feed"] });
  return activity;
}

const PUBLISHED = "published";
const PUBLISHED_KEPT = 20;
type Published = [uploadId: string, activityId: string][];

/** As which activity this browser published an upload, if it was among the latest. */
export function publishedAs(uploadId: string): string | undefined {
  return kept.read<Published>(PUBLISHED)?.find(([id]) => id === uploadId)?.[1];
}

export async function publish(body: Schemas["NewActivity"]): Promise<ActivityView> {
  // A second tab that has the same draft may be pressed long after the first.
  const earlier = publishedAs(body.upload_id);
  if (earlier) return took(await readActivity(earlier));
  // One upload is published once, however often and from however many tabs it is pressed.
  const made = await once(`publish.${body.upload_id}`, (key) =>
    answer(api.POST("/activities", { body, params: { header: { "Idempotency-Key": key } } })),
  );
  const before = kept.read<Published>(PUBLISHED) ?? [];
  kept.write(PUBLISHED, [[body.upload_id, made.activity_id], ...before].slice(0, PUBLISHED_KEPT));
  return took(made);
}

export async function change(id: string, body: Schemas["ActivityChanges"]): Promise<ActivityView> {
  return took(await answer(api.PATCH("/activities/{activity_id}", { ...at(id), body })));
}

export async function endActivity({ activity_id, version }: ActivityView): Promise<ActivityView> {
  return took(await answer(api.POST("/activities/{activity_id}/end", { ...at(activity_id), body: { version } })));
}

export async function archiveActivity({ activity_id, version }: ActivityView): Promise<ActivityView> {
  return took(await answer(api.POST("/activities/{activity_id}/archive", { ...at(activity_id), body: { version } })));
}

/** Back in the lists, as one that has ended. */
export async function unarchiveActivity({ activity_id, version }: ActivityView): Promise<ActivityView> {
  return took(await answer(api.POST("/activities/{activity_id}/unarchive", { ...at(activity_id), body: { version } })));
}

/** Published again as a new activity, held back so that it can be looked at first. */
export async function duplicate(id: string, changes: Schemas["DuplicateChanges"]): Promise<ActivityView> {
  const made = await once(`duplicate.${id}`, (key) =>
    answer(
      api.POST("/activities/{activity_id}/duplicate", {
        body: changes,
        params: { path: { activity_id: id }, header: { "Idempotency-Key": key } },
      }),
    ),
  );
  return took(made);
}

/** With the upload of one of its cuts, that one; without, the one that the manager would be dealt. */
export function tryOnMe(id: string, cut = ""): Promise<Schemas["Tried"]> {
  return once(`try.${id}.${cut}`, (key) =>
    answer(
      api.POST("/activities/{activity_id}/try", {
        params: { path: { activity_id: id }, header: { "Idempotency-Key": key } },
        body: { upload_id: cut || null },
      }),
    ),
  );
}

/** How many would share a cut and a caption, by the program's own limit. */
export function useReuse(channels: string[], captions: number, cuts: number) {
  return useQuery({
    queryKey: ["reports", "reuse", channels, captions, cuts],
    queryFn: () =>
      answer(api.GET("/reports/reuse", { params: { query: { captions, cuts, ...(channels.length ? { channel_ids: channels.join(",") } : {}) } } })),
    enabled: channels.length <= MAX_CHANNELS,
    retry: false,
  });
}
