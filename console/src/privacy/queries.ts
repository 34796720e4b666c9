import { useQuery } from "@tanstack/preact-query";
import { answer, api, type Schemas } from "../foundation/api/client";
import { asProblem } from "../foundation/api/problems";
import { queryClient } from "../foundation/api/queries";
import { forgetPerson } from "../foundation/store";

export type Export = Schemas["PersonalExportView"];
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

const EXPORT = ["export"];
const LOOK_AGAIN_MS = 3_000;

/** The latest copy of one's data, null if none was asked for; looked at again while it is made. */
export function useExport() {
  return useQuery({
    queryKey: EXPORT,
    queryFn: async (): Promise<Export | null> => {
      try {
        return await answer(api.GET("/me/export"));
      } catch (error) {
        if (asProblem(error).code === "not_found") return null;
        throw error;
      }
    },
    refetchInterval: ({ state }) => (state.data?.status === "making" ? LOOK_AGAIN_MS : false),
  });
}

export async function askExport(): Promise<void> {
  queryClient.setQueryData(EXPORT, await answer(api.POST("/me/export")));
}

export async function askErasure(): Promise<void> {
  await answer(api.POST("/me/erasure"));
  beginAnew();
}
