/** The video as a file on this device, to be shared or saved. */
import { answer, api } from "../foundation/api/client";
import type { OwnPerformance } from "./queries";

const TIMEOUT_MS = 120_000;

/**
 * Fetched before the tap that shares it, which a browser allows for seconds only. The address is
 * asked for anew: the one at hand may have ended.
 */
export async function fetchVideo({ performance_id }: Pick<OwnPerformance, "performance_id">): Promise<File> {
  const params = { path: { performance_id } };
  const { video_url, video_content_type: type } = await answer(api.GET("/performances/{performance_id}", { params }));
  const response = await fetch(video_url, { signal: AbortSignal.timeout(TIMEOUT_MS), credentials: "omit" });
  if (!response.ok) throw new TypeError("not fetched");
  const name = type === "video/webm" ? "video.webm" : "video.mp4";
  return new File([await response.blob()], name, { type });
}

/** Whether this browser says that it shares this file; many share none. */
export function shares(file: File, by: Partial<Pick<Navigator, "share" | "canShare">> = navigator): boolean {
  try {
    return typeof by.share === "function" && by.canShare?.({ files: [file] }) === true;
  } catch {
    return false;
  }
}

export function saveFile(file: File): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = url;
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), TIMEOUT_MS);
}
