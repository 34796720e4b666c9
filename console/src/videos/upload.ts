/**
 * The way of a chosen video: looked at here, sent, then validated by the server. One object per
 * form; screens read its `state`.
 */
import { type Signal, signal } from "@preact/signals";
import { useQuery } from "@tanstack/preact-query";
import { answer, api, type Schemas } from "../foundation/api/client";
import { ApiProblem } from "../foundation/api/problems";
import { keptFile } from "./kept_file";
import { checkFile, type Seen, type VideoProblem } from "./precheck";
import { isReadable, type Progress, sendForm, UploadStopped } from "./send_form";

export type UploadState =
  | { stage: "none" }
  | { stage: "checking"; name: string }
  /** Nothing was sent: this browser saw that the server would refuse it. */
  | { stage: "refused"; name: string; problems: VideoProblem[] }
  | { stage: "sending"; name: string; progress: Progress }
  | { stage: "stopped"; name: string; error: unknown }
  /** It has arrived; what becomes of it the server says. */
  | { stage: "sent"; name: string; uploadId: string };

/** The part of an upload that a draft keeps. */
export type KeptUpload = { name: string; uploadId?: string };

export class Upload {
  readonly state: Signal<UploadState> = signal({ stage: "none" });
  /** For the preview, from the moment it is chosen; the browser's own copy of the file. */
  readonly localUrl = signal<string | undefined>(undefined);
  /** This browser's facts about the file, until the server has examined it. */
  readonly seen = signal<Seen | undefined>(undefined);
  /** Whether the chosen file outlives a reload before it has arrived. */
  readonly fileIsKept: Signal<boolean>;

  /** The file that the chosen one was repaired from, if any. */
  readonly original = signal<File | undefined>(undefined);

  #file: File | undefined;
  #sending: AbortController | undefined;
  readonly #keeps: boolean;

  /** Of several on one page only one `keeps` its file for after a reload. */
  constructor(keeps = true) {
    this.#keeps = keeps;
    this.fileIsKept = signal(keeps);
  }

  /** The chosen file, while this page has it: not after a reload. */
  get file(): File | undefined {
    return this.#file;
  }

  async choose(file: File, original?: File): Promise<void> {
    this.#stop();
    this.original.value = original;
    this.#show(file);
    this.state.value = { stage: "checking", name: file.name };
    let problems: VideoProblem[];
    let contentType: Schemas["ContentType"];
    try {
      const checked = await checkFile(file);
      ({ problems, contentType } = checked);
      if (this.#file === file) this.seen.value = checked.seen;
    } catch (error) {
      const stopped = (await isReadable(file)) ? error : new UploadStopped("file_gone");
      if (this.#file === file) this.state.value = { stage: "stopped", name: file.name, error: stopped };
      return;
    }
    if (this.#file !== file) return;
    if (problems.length > 0) {
      this.state.value = { stage: "refused", name: file.name, problems };
      return;
    }
    if (this.#keeps) {
      void keptFile.write(file).then((kept) => {
        this.fileIsKept.value = kept;
      });
    }
    await this.#send(file, contentType);
  }

  /** Begins again from the first byte, with a fresh form. */
  async again(): Promise<void> {
    if (this.#file) await this.choose(this.#file, this.original.value);
  }

  cancel(): void {
    const { name } = this.#file ?? {};
    if (name !== undefined && this.#stop()) this.state.value = { stage: "stopped", name, error: new UploadStopped("cancelled") };
  }

  forget(): void {
    this.#stop();
    this.original.value = undefined;
    this.#show(undefined);
    this.state.value = { stage: "none" };
    if (this.#keeps) void keptFile.forget();
  }

  /** Resumes an upload after a reload: validation continues, sending starts again. */
  async resume({ name, uploadId }: KeptUpload): Promise<void> {
    if (this.state.value.stage !== "none") return;
    if (uploadId) {
      this.state.value = { stage: "sent", name, uploadId };
      return;
    }
    const file = this.#keeps ? await keptFile.read() : undefined;
    if (file && this.#file === undefined) await this.choose(file);
  }

  /** Cancels the running upload, wherever it is; returns whether there was one. */
  #stop(): boolean {
    const sending = this.#sending;
    this.#sending = undefined;
    sending?.abort();
    return sending !== undefined;
  }

  async #send(file: File, contentType: Schemas["ContentType"]): Promise<void> {
    const sending = new AbortController();
    this.#sending = sending;
    const { name } = file;
    this.state.value = {
      stage: "sending",
      name,
      progress: { sent: 0, total: file.size, speed: undefined, stalled: false },
    };
    try {
      const { upload_id, form } = await answer(
        api.POST("/uploads", {
          body: { content_type: contentType },
          params: { header: { "Idempotency-Key": crypto.randomUUID() } },
          signal: sending.signal,
        }),
      );
      await sendForm(
        form,
        file,
        (progress) => {
          if (this.#sending === sending) this.state.value = { stage: "sending", name, progress };
        },
        sending.signal,
      );
      if (this.#sending !== sending) return;
      this.#sending = undefined;
      this.state.value = { stage: "sent", name, uploadId: upload_id };
      if (this.#keeps) void keptFile.forget();
    } catch (error) {
      if (this.#sending !== sending) return;
      this.#sending = undefined;
      this.state.value = { stage: "stopped", name, error };
    }
  }

  #show(file: File | undefined): void {
    this.#file = file;
    this.seen.value = undefined;
    if (this.localUrl.value) URL.revokeObjectURL(this.localUrl.value);
    this.localUrl.value = file ? URL.createObjectURL(file) : undefined;
  }
}

const FIRST_GAP_MS = 800;
const LONGEST_GAP_MS = 8_000;

/** For a preview: as the card wants it, of what is known so far. */
export function seenVideo(upload: Upload): Partial<Schemas["VideoView"]> {
  const { seconds, width, height } = upload.seen.value ?? {};
  return { ...(seconds ? { duration_seconds: seconds } : {}), ...(width && height ? { width, height } : {}) };
}

const isDecided = (status: Schemas["UploadStatus"]): boolean => !["awaiting_file", "validating"].includes(status);

/** The server's verdict, asked for with growing gaps until there is one, only while it is looked at. */
export function useVerdict(uploadId: string | undefined) {
  return useQuery({
    queryKey: ["upload", uploadId],
    enabled: uploadId !== undefined,
    queryFn: () => answer(api.GET("/uploads/{upload_id}", { params: { path: { upload_id: uploadId ?? "" } } })),
    refetchInterval: ({ state }) => {
      if (state.data && isDecided(state.data.status)) return false;
      if (state.error instanceof ApiProblem && !state.error.passing) return false;
      return Math.min(FIRST_GAP_MS * 1.4 ** (state.dataUpdateCount + state.errorUpdateCount), LONGEST_GAP_MS);
    },
    refetchOnWindowFocus: true,
  });
}
