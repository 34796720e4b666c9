import { useQuery } from "@tanstack/preact-query";
import { answer, api, type Schemas } from "../foundation/api/client";
import { forgetPerson } from "../foundation/store";

export type Invitation = Schemas["InvitationView"];
export const INVITATIONS = ["invitations"];

export function useInvitations() {
  return useQuery({ queryKey: INVITATIONS, queryFn: () => answer(api.GET("/me/invitations")) });
}

const of = ({ program_id }: Invitation) => ({ params: { path: { program_id } } });

/** Begins anew as somebody else: a member of another program, or of none. */
function beginAnew(): void {
  forgetPerson();
  location.assign("/");
}

export async function accept(invitation: Invitation): Promise<void> {
  await answer(api.POST("/me/invitations/{program_id}/accept", of(invitation)));
  beginAnew();
}

export async function decline(invitation: Invitation): Promise<void> {
  await answer(api.DELETE("/me/invitations/{program_id}", of(invitation)));
}

export async function leaveProgram(): Promise<void> {
  await answer(api.DELETE("/me"));
  beginAnew();
}

export async function askErasure(): Promise<void> {
  await answer(api.POST("/me/erasure"));
  beginAnew();
}
