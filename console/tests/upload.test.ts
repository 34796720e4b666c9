import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { onPersonLeft, signedIn, signOut } from "../src/foundation/session/session";
import { sendForm, UploadStopped } from "../src/videos/send_form";
import { Upload, type UploadState } from "../src/videos/upload";

vi.mock("../src/videos/precheck", () => ({
  checkFile: async (file: Blob) => {
    await file.slice(0, 1).arrayBuffer();
    return { seen: { container: "mp4" }, problems: [], contentType: "video/mp4" };
  },
}));

const FORM = { url: "https://storage.example/", fields: { key: "incoming/1" } };
const file = new File(["some bytes"], "spring.mp4");
const token = (sub: string): string => `a.${btoa(JSON.stringify({ sub }))}.c`;
const signIn = (sub: string): void =>
  signedIn({ id_token: token(sub), expires_at: new Date(Date.now() + 3_600_000).toISOString() });

/** Requests to the storage that were sent and have no answer yet; one that is aborted is no longer. */
let toStorage: FakeRequest[] = [];

class FakeRequest extends EventTarget {
  readonly upload = new EventTarget();
  status = 0;
  responseText = "";
  aborted = false;

  open(): void {}

  send(): void {
    toStorage.push(this);
  }

  abort(): void {
    this.aborted = true;
  }

  arrive(): void {
    this.status = 204;
    this.dispatchEvent(new Event("load"));
  }
}

/** Answers the form once it is let go on, unless the call was aborted before. */
let answerForm: () => void = () => undefined;

beforeEach(() => {
  toStorage = [];
  vi.stubGlobal("XMLHttpRequest", FakeRequest);
  vi.stubGlobal("navigator", { onLine: true });
  vi.stubGlobal("fetch", (url: string, init?: RequestInit) => {
    if (url === "/config.json") return Promise.resolve(Response.json({ api_base: "/v1" }));
    if (url !== "/v1/uploads") return Promise.resolve(new Response(null, { status: 204 }));
    return new Promise((resolve, reject) => {
      answerForm = () => resolve(Response.json({ upload_id: "upl_1", form: FORM }, { status: 201 }));
      init?.signal?.addEventListener("abort", () => reject(init.signal?.reason as Error));
    });
  });
  signIn("one");
});

afterEach(() => vi.unstubAllGlobals());

const until = (upload: Upload, stage: UploadState["stage"]) => vi.waitFor(() => expect(upload.state.value.stage).toBe(stage));
const underWay = () => vi.waitFor(() => expect(toStorage.length).toBe(1));

async function begun(): Promise<{ upload: Upload; over: Promise<void> }> {
  const upload = new Upload(false);
  answerForm = () => undefined;
  const idle = answerForm;
  const over = upload.choose(file);
  await until(upload, "sending");
  await vi.waitFor(() => expect(answerForm).not.toBe(idle));
  return { upload, over };
}

test("cancelled while the form is asked for, nothing is sent to the storage", async () => {
  const { upload, over } = await begun();
  upload.cancel();
  expect(upload.state.value).toEqual({ stage: "stopped", name: "spring.mp4", error: new UploadStopped("cancelled") });
  answerForm();
  await over;
  expect([toStorage.length, upload.state.value.stage]).toEqual([0, "stopped"]);
});

test("cancelled while it is sent, the request ends and what it answers is not heard", async () => {
  const { upload, over } = await begun();
  answerForm();
  await underWay();
  upload.cancel();
  await over;
  toStorage[0]?.arrive();
  expect([toStorage[0]?.aborted, upload.state.value.stage]).toEqual([true, "stopped"]);
});

test.each(["asking for the form", "sending"])("thrown away while %s, it is nobody's any more", async (moment) => {
  const { upload, over } = await begun();
  if (moment === "sending") {
    answerForm();
    await underWay();
  }
  upload.forget();
  answerForm();
  await over;
  toStorage[0]?.arrive();
  expect(upload.state.value).toEqual({ stage: "none" });
  expect(upload.file).toBeUndefined();
});

test("a form that is there when the sending was called off is not used", async () => {
  const calledOff = AbortSignal.abort();
  await expect(sendForm(FORM, file, () => undefined, calledOff)).rejects.toEqual(new UploadStopped("cancelled"));
  expect(toStorage).toEqual([]);
});

test("another file that is chosen meanwhile is the one that arrives", async () => {
  const { upload, over } = await begun();
  const again = upload.choose(new File(["other"], "summer.mp4"));
  await over;
  expect(["checking", "sending"]).toContain(upload.state.value.stage);
  await until(upload, "sending");
  await vi.waitFor(() => {
    answerForm();
    expect(toStorage.length).toBe(1);
  });
  toStorage[0]?.arrive();
  await again;
  expect(upload.state.value).toEqual({ stage: "sent", name: "summer.mp4", uploadId: "upl_1" });
});

test("whoever signs in next finds nothing of a video that was on its way", async () => {
  const { upload, over } = await begun();
  onPersonLeft(() => upload.forget());
  answerForm();
  await underWay();
  await signOut();
  signIn("two");
  await over;
  toStorage[0]?.arrive();
  expect(upload.state.value).toEqual({ stage: "none" });
});

/** A file that can be read until it is moved away. */
function movable(): { moving: File; move: () => void } {
  const moving = new File(["some bytes"], "moved.mp4");
  let isThere = true;
  const { slice } = moving;
  moving.slice = (...range) => {
    const part = slice.apply(moving, range);
    if (!isThere) part.arrayBuffer = () => Promise.reject(new DOMException("gone", "NotFoundError"));
    return part;
  };
  return {
    moving,
    move: () => {
      isThere = false;
    },
  };
}

test("a folder, or a file that went away before it was looked at, is called that", async () => {
  const upload = new Upload(false);
  const { moving, move } = movable();
  move();
  await upload.choose(moving);
  expect(upload.state.value).toEqual({ stage: "stopped", name: "moved.mp4", error: new UploadStopped("file_gone") });
});

test.each([
  ["file_gone", true],
  ["broken", false],
] as const)("a request that fails is called %s when the file went away: %s", async (code, isMoved) => {
  const { moving, move } = movable();
  const sending = sendForm(FORM, moving, () => undefined, new AbortController().signal);
  if (isMoved) move();
  toStorage[0]?.dispatchEvent(new Event("error"));
  await expect(sending).rejects.toEqual(new UploadStopped(code));
});
