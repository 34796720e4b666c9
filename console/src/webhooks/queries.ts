/** Webhooks as managers see them. */
import { useInfiniteQuery, useQuery } from "@tanstack/preact-query";
import { answer, api, type Schemas } from "../foundation/api/client";
import { once } from "../foundation/api/idempotency";
import { queryClient } from "../foundation/api/queries";

export type WebhookView = Schemas["WebhookView"];
export type DeliveryView = Schemas["DeliveryView"];
export type NewWebhook = Schemas["NewWebhook"];

const WEBHOOKS = ["webhooks"];
const LOG = ["deliveries"];
const PAGE = 20;
/** While a test event is on its way. */
const SOON_MS = 1500;

const at = (id: string) => ({ params: { path: { webhook_id: id } } });

export const readWebhooks = async (): Promise<WebhookView[]> => (await answer(api.GET("/webhooks"))).items;

export function useWebhooks() {
  return useQuery({ queryKey: WEBHOOKS, queryFn: readWebhooks });
}

export function useDeliveries(id: string) {
  return useInfiniteQuery({
    queryKey: [...LOG, id],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      answer(
        api.GET("/webhooks/{webhook_id}/deliveries", {
          params: { path: { webhook_id: id }, query: { limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) } },
        }),
      ),
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: ({ state }) => {
      const tests = state.data?.pages[0]?.items.filter(({ event_type }) => event_type === "webhook.test") ?? [];
      return tests.some((each) => each.state === "waiting") ? SOON_MS : false;
    },
  });
}

const changed = (): void => void queryClient.invalidateQueries({ queryKey: WEBHOOKS });

export async function createWebhook(body: NewWebhook): Promise<WebhookView> {
  const made = await once(`webhook.${JSON.stringify(body)}`, (key) =>
    answer(api.POST("/webhooks", { body, params: { header: { "Idempotency-Key": key } } })),
  );
  changed();
  return made;
}

export type Changes = Partial<NewWebhook & { state: "active" | "paused" }>;

export async function changeWebhook({ webhook_id, version }: WebhookView, changes: Changes): Promise<WebhookView> {
  try {
    return await answer(api.PATCH("/webhooks/{webhook_id}", { ...at(webhook_id), body: { version, ...changes } as never }));
  } finally {
    changed(); // also when somebody else was quicker: their version is what the next try needs
  }
}

export async function removeWebhook(id: string): Promise<void> {
  await answer(api.DELETE("/webhooks/{webhook_id}", at(id)));
  changed();
}

export async function newSecret(id: string): Promise<string> {
  const { secret } = await answer(api.POST("/webhooks/{webhook_id}/secret", at(id)));
  changed();
  return secret;
}

export async function sendTest(id: string): Promise<void> {
  await answer(api.POST("/webhooks/{webhook_id}/test", at(id)));
  await queryClient.invalidateQueries({ queryKey: [...LOG, id] });
}
