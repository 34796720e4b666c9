/** The further cuts of an activity's video, each with an upload of its own, beside what is typed. */
import { type Signal, signal } from "@preact/signals";
import { queryClient } from "../foundation/api/queries";
import type { Schemas } from "../foundation/api/client";
import { Upload } from "../videos/upload";
import type { Fields } from "./form";

export type CutUploads = Signal<Upload[]>;

/** Of one activity, the first included. */
export const MAX_CUTS = 10;

export const cutUploads = (): CutUploads => signal<Upload[]>([]);

/** One that keeps no file for after a reload: there is room for the first cut's only. */
export const newCut = (): Upload => new Upload(false);

export const sentId = ({ state: { value } }: Upload): string[] => (value.stage === "sent" ? [value.uploadId] : []);

/** The typed fields with the arrived uploads; uploads that the fields name already keep their place. */
export function withCuts(fields: Fields, uploads: CutUploads): Fields {
  const sent = uploads.value.flatMap(sentId);
  return sent.length > 0 ? { ...fields, cuts: [...fields.cuts.filter((id) => !sent.includes(id)), ...sent] } : fields;
}

/** Whether one of them is chosen and has not arrived: on its way, stopped or refused here. */
export const isPending = (uploads: CutUploads): boolean =>
  uploads.value.some(({ state }) => !["none", "sent"].includes(state.value.stage));

export function forgetCuts(uploads: CutUploads): void {
  for (const each of uploads.value) each.forget();
  uploads.value = [];
}

export type CutsState = "ready" | "under_way" | "unfit";

/** Whether all cuts can be published: `unfit` if one was refused, or stopped on its way. */
export function cutsState(fields: Fields, uploads: CutUploads): CutsState {
  const stages = uploads.value.map(({ state }) => state.value.stage);
  const refused = fields.cuts.some((id) => {
    const status = queryClient.getQueryData<Schemas["UploadView"]>(["upload", id])?.status;
    return status === "rejected" || status === "expired";
  });
  if (refused || stages.includes("refused") || stages.includes("stopped")) return "unfit";
  return stages.includes("checking") || stages.includes("sending") ? "under_way" : "ready";
}
