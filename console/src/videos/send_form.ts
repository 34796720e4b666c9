/**
 * Sends a file with a presigned form, in one request. Such a request cannot be resumed: after a
 * stop everything begins again, with a new form.
 */
import type { Schemas } from "../foundation/api/client";

/** Why nothing arrived. The storage answers in XML, of which only the code is read. */
export type StopCode =
  | "cancelled"
  | "offline"
  | "file_gone"
  | "broken"
  | "stalled"
  | "form_expired"
  | "too_large"
  | "empty"
  | "form_refused";

export class UploadStopped extends Error {
  override readonly name = "UploadStopped";

  constructor(readonly code: StopCode) {
    super(code);
  }
}

export type Progress = {
  sent: number;
  total: number;
  /** Bytes a second, over the last few. Undefined until there is something to tell. */
  speed: number | undefined;
  /** Nothing has moved for a while. */
  stalled: boolean;
};

const TICK_MS = 1_000;
const STALLED_AFTER_MS = 8_000;
const GIVEN_UP_AFTER_MS = 60_000;
const SMOOTHING = 0.25;
/** All bytes are out and only the answer is missing: the storage may take its time. */
const ANSWER_MS = 120_000;

/** The code in the storage's answer. Its text is read as text: no parser may see it. */
export function stopCodeOf(status: number, answer: string): StopCode {
  const code = /<Code>(\w+)<\/Code>/.exec(answer)?.[1];
  if (code === "EntityTooLarge" || status === 413) return "too_large";
  if (code === "EntityTooSmall") return "empty";
  if (/expired/i.test(answer)) return "form_expired";
  return status >= 500 ? "broken" : "form_refused";
}

/** A folder cannot be read, nor a file that went away or changed since it was chosen. */
export const isReadable = (file: Blob): Promise<boolean> => file.slice(0, 1).arrayBuffer().then(() => true, () => false);

export function sendForm(
  form: Schemas["FormView"],
  file: Blob,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    // A signal that was aborted before tells nobody any more.
    if (signal.aborted) return reject(new UploadStopped("cancelled"));
    const request = new XMLHttpRequest();
    let sent = 0;
    let speed: number | undefined;
    let movedAt = performance.now();
    let toldAt = movedAt;
    let toldSent = 0;
    const stop = (code: StopCode): void => {
      clearInterval(ticking);
      reject(new UploadStopped(code));
      request.abort();
    };
    const tell = (): void => {
      const at = performance.now();
      const still = at - movedAt;
      const complete = sent >= file.size;
      if (still > (complete ? ANSWER_MS : GIVEN_UP_AFTER_MS)) return stop("stalled");
      const current = ((sent - toldSent) * 1000) / Math.max(1, at - toldAt);
      if (sent > 0) speed = speed === undefined ? current : speed + SMOOTHING * (current - speed);
      toldAt = at;
      toldSent = sent;
      onProgress({ sent, total: file.size, speed, stalled: !complete && still > STALLED_AFTER_MS });
    };
    const ticking = setInterval(tell, TICK_MS);
    request.upload.addEventListener("progress", (event) => {
      // The form's fields and borders are part of what the browser counts.
      const now = Math.min(file.size, Math.max(0, event.loaded - Math.max(0, event.total - file.size)));
      if (now > sent) movedAt = performance.now();
      sent = now;
      if (sent >= file.size) tell();
    });
    request.addEventListener("load", () => {
      clearInterval(ticking);
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(new UploadStopped(stopCodeOf(request.status, request.responseText)));
    });
    request.addEventListener("error", () => {
      const cause = navigator.onLine ? "broken" : "offline";
      void isReadable(file).then((readable) => stop(readable ? cause : "file_gone"));
    });
    signal.addEventListener("abort", () => stop("cancelled"), { once: true });
    const body = new FormData();
    for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
    body.append("file", file);
    request.open("POST", form.url);
    request.send(body);
    onProgress({ sent: 0, total: file.size, speed: undefined, stalled: false });
  });
}
