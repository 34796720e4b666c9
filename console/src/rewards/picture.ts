/** A picture is looked at here before it is sent; what it is, the API finds out by itself. */
import { sendForm } from "../videos/send_form";
import { askPicture } from "./manager_queries";

const MAX_BYTES = 1_048_576;
const MIN_SIDE = 40;
const MAX_SIDE = 4096;

export type PictureProblem = "type" | "large" | "size" | "broken";

export class PictureUnfit extends Error {
  constructor(readonly code: PictureProblem) {
    super(code);
  }
}

async function typeOf(file: Blob): Promise<"image/jpeg" | "image/png"> {
  const read = await file.slice(0, 3).arrayBuffer().catch(() => {
    throw new PictureUnfit("broken"); // it went away since it was chosen
  });
  const [first, second, third] = new Uint8Array(read);
  if (first === 0xff && second === 0xd8 && third === 0xff) return "image/jpeg";
  if (first === 0x89 && second === 0x50 && third === 0x4e) return "image/png";
  throw new PictureUnfit("type");
}

function dataUrl(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(new PictureUnfit("broken"));
    reader.readAsDataURL(file);
  });
}

/** Sends a picture; answers its id, and an address at which it is seen meanwhile. Throws `PictureUnfit`. */
export async function sendPicture(file: File): Promise<{ id: string; url: string }> {
  const type = await typeOf(file);
  if (file.size > MAX_BYTES) throw new PictureUnfit("large");
  const seen = await createImageBitmap(file).catch(() => {
    throw new PictureUnfit("broken");
  });
  const { width, height } = seen;
  seen.close();
  if (Math.min(width, height) < MIN_SIDE || Math.max(width, height) > MAX_SIDE) throw new PictureUnfit("size");
  const asked = await askPicture(type);
  await sendForm(asked.form, file, () => undefined, new AbortController().signal);
  return { id: asked.picture_id, url: await dataUrl(file) };
}
