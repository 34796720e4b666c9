import { keepPreviousData, useInfiniteQuery } from "@tanstack/preact-query";
import { answer, api, type Schemas } from "../foundation/api/client";
import { once } from "../foundation/api/idempotency";
import { queryClient } from "../foundation/api/queries";

export type MemberView = Schemas["MemberView"];
export type Sought = {
  text: string;
  ids?: string | undefined;
  status?: Schemas["MemberStatus"] | undefined;
  role?: Schemas["Role"] | undefined;
};
type Query = NonNullable<NonNullable<Parameters<typeof readMembers>[0]>>;
type Page = { items: MemberView[]; next: Query[] };

export const MEMBERS = ["members"];
const PAGE = 50;
const FOUND = 25;

function readMembers(query: {
  limit: number;
  cursor?: string;
  email?: string;
  name?: string;
  ids?: string;
  status?: Schemas["MemberStatus"];
  role?: Schemas["Role"];
}): Promise<Schemas["MemberList"]> {
  return answer(api.GET("/members", { params: { query } }));
}

/**
 * The API finds members by what an address or what a name begins with, one way at a time: whoever
 * types wants either, so both are asked, and an @ leaves the address only.
 */
function firstQueries({ text, ids, status, role }: Sought): Query[] {
  const typed = text.trim();
  if (ids && !typed && !status && !role) return [{ limit: PAGE, ids }];
  if (!typed) return [{ limit: PAGE, ...(status ? { status } : {}), ...(role ? { role } : {}) }];
  const byEmail = { limit: FOUND, email: typed };
  return typed.includes("@") ? [byEmail] : [{ limit: FOUND, name: typed }, byEmail];
}

function fits({ status, role }: Sought): (member: MemberView) => boolean {
  return (member) =>
    (!status || member.status === status) && (!role || (member.role === role && (status ?? member.status) !== "removed"));
}

async function readPage(queries: Query[], sought: Sought): Promise<Page> {
  const pages = await Promise.all(queries.map(readMembers));
  const found = new Map(pages.flatMap((page) => page.items).map((member) => [member.member_id, member]));
  const next = pages.flatMap(({ next_cursor }, index) => {
    const query = queries[index];
    return next_cursor && query ? [{ ...query, cursor: next_cursor }] : [];
  });
  return { items: [...found.values()].filter(fits(sought)), next };
}

export function useMembers(sought: Sought, enabled = true) {
  return useInfiniteQuery({
    queryKey: [...MEMBERS, sought.text.trim().toLowerCase(), sought.ids, sought.status, sought.role],
    enabled,
    // Earlier results stay until new ones arrive, so that the table does not flicker.
    placeholderData: keepPreviousData,
    initialPageParam: firstQueries(sought),
    queryFn: ({ pageParam }) => readPage(pageParam, sought),
    getNextPageParam: ({ next }) => (next.length > 0 ? next : undefined),
  });
}

/** Each once, in whatever way they were found. */
export function membersOf(pages: Page[] | undefined): MemberView[] {
  return [...new Map((pages ?? []).flatMap((page) => page.items).map((member) => [member.member_id, member])).values()];
}

const changed = (): Promise<void> => queryClient.invalidateQueries({ queryKey: MEMBERS });
const at = (id: string) => ({ params: { path: { member_id: id } } });

export async function invite(email: string, role: Schemas["Role"], name = ""): Promise<MemberView> {
  const body = { email, role, name: name || null };
  const made = await once(`invite.${email.toLowerCase()}.${role}.${name}`, (key) =>
    answer(api.POST("/members", { body, params: { header: { "Idempotency-Key": key } } })),
  );
  await changed();
  return made;
}

export async function inviteAgain(id: string): Promise<void> {
  await answer(api.POST("/members/{member_id}/invite", at(id)));
  await changed();
}

export const readMember = (id: string): Promise<MemberView> => answer(api.GET("/members/{member_id}", at(id)));

export async function changeRole({ member_id: id, version }: MemberView, role: MemberView["role"]): Promise<MemberView> {
  const now = await answer(api.PATCH("/members/{member_id}", { ...at(id), body: { version, role } }));
  await changed();
  return now;
}

export async function remove(id: string): Promise<void> {
  await answer(api.DELETE("/members/{member_id}", at(id)));
  await changed();
}

export async function importRoster(csv: string): Promise<Schemas["ImportReport"]> {
  const report = await answer(api.POST("/members/import", { body: { csv, csv_base64: null } }));
  await changed();
  return report;
}
