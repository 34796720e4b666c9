import { closeSync, mkdtempSync, openAsBlob, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ALL_FORMATS, BlobSource, Input } from "mediabunny";
import { expect, test } from "vitest";
import { inspect, repairFile } from "../src/videos/repair";
import { defaultPart } from "../src/videos/repair_plan";

const CLIP = resolve(import.meta.dirname, "../../tests/clips/quicktime.mov");
const LARGE = 2 * 1024 ** 3;
/** Of a reader's cache of 8 MB, and of a result that is small here, in whatever a collector has not taken yet. */
const MOST_MORE_KB = 100 * 1024;

type Box = { type: string; at: number; size: number };

const HOLD_OTHERS = new Set(["moov", "trak", "mdia", "minf", "stbl"]);

function boxes(bytes: Buffer, from = 0, to = bytes.length): Box[] {
  const found: Box[] = [];
  for (let at = from; at < to; at += bytes.readUInt32BE(at)) {
    const box = { type: bytes.toString("latin1", at + 4, at + 8), at, size: bytes.readUInt32BE(at) };
    found.push(box, ...(HOLD_OTHERS.has(box.type) ? boxes(bytes, at + 8, at + box.size) : []));
  }
  return found;
}

/** Where a file says at which bytes its chunks begin. */
const placesOf = (bytes: Buffer): number[] =>
  boxes(bytes)
    .filter(({ type }) => type === "stco")
    .flatMap(({ at }) => Array.from({ length: bytes.readUInt32BE(at + 12) }, (_, each) => at + 16 + 4 * each));

/** Writes a clip with its chunks spread over two gigabytes, as if each were a large one; a sparse file. */
function writeLarge(path: string): void {
  const bytes = readFileSync(CLIP);
  const places = placesOf(bytes);
  const chunks = places.map((place) => bytes.readUInt32BE(place)).sort((one, other) => one - other);
  const gap = Math.ceil(LARGE / chunks.length);
  for (const place of places) {
    const chunk = bytes.readUInt32BE(place);
    bytes.writeUInt32BE(chunk + chunks.indexOf(chunk) * gap, place);
  }
  const media = boxes(bytes).find(({ type }) => type === "mdat");
  if (!media) throw new Error("no media");
  bytes.writeUInt32BE(media.size + LARGE, media.at);
  const file = openSync(path, "w");
  writeSync(file, bytes, 0, chunks[0] ?? 0, 0);
  for (const [at, chunk] of chunks.entries()) writeSync(file, bytes, chunk, (chunks[at + 1] ?? bytes.length) - chunk, chunk + at * gap);
  writeSync(file, Buffer.alloc(1), 0, 1, media.at + media.size + LARGE - 1);
  closeSync(file);
}

test("two gigabytes are read from end to end and repaired in a small part of their size of memory", async () => {
  const folder = mkdtempSync(join(tmpdir(), "greenroom-large-"));
  try {
    const path = join(folder, "IMG_0001.mov");
    writeLarge(path);
    const original = new File([await openAsBlob(path)], "IMG_0001.mov");
    expect(original.size).toBeGreaterThan(LARGE);
    const before = process.resourceUsage().maxRSS;
    const found = await inspect(original);
    const choices = { ...defaultPart(found.facts), quality: "high" as const };
    const made = await repairFile(original, found, choices, [], () => {}, new AbortController().signal);
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(MOST_MORE_KB);
    expect([made.name, made.type]).toEqual(["IMG_0001.mp4", "video/mp4"]);
    const { facts } = await inspect(made);
    expect(facts.end - facts.start).toBeCloseTo(found.facts.end - found.facts.start, 1);
    expect(facts.picture?.frameRate).toBeCloseTo(24, 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const box = (type: string, ...content: Buffer[]): Buffer => {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + content.reduce((sum, each) => sum + each.length, 0));
  head.write(type, 4, "latin1");
  return Buffer.concat([head, ...content]);
};

const PLACE = "+52.5200+013.4050/";

/** A clip as a phone leaves it, with the place and a title in its index. */
function tagged(): Buffer {
  const text = (words: string): Buffer => Buffer.concat([Buffer.from([0, words.length, 0x15, 0xc7]), Buffer.from(words)]);
  const tags = box("udta", box("\xa9xyz", text(PLACE)), box("\xa9nam", text("My kitchen")));
  const bytes = readFileSync(CLIP);
  for (const place of placesOf(bytes)) bytes.writeUInt32BE(bytes.readUInt32BE(place) + tags.length, place);
  const index = boxes(bytes).find(({ type }) => type === "moov");
  if (!index) throw new Error("no index");
  bytes.writeUInt32BE(index.size + tags.length, index.at);
  const end = index.at + index.size;
  return Buffer.concat([bytes.subarray(0, end), tags, bytes.subarray(end)]);
}

test("what a phone writes beside picture and sound, such as the place, does not come along", async () => {
  const original = new File([new Uint8Array(tagged())], "IMG_0002.MOV");
  const tagsOf = async (file: Blob): Promise<string> => {
    const input = new Input({ source: new BlobSource(file), formats: ALL_FORMATS });
    return JSON.stringify(await input.getMetadataTags());
  };
  expect(await tagsOf(original)).toContain(PLACE);
  const found = await inspect(original);
  const choices = { ...defaultPart(found.facts), quality: "high" as const };
  const made = await repairFile(original, found, choices, [], () => {}, new AbortController().signal);
  expect(await tagsOf(made)).toBe("{}");
  const bytes = Buffer.from(await made.arrayBuffer());
  for (const words of [PLACE, "My kitchen"]) expect(bytes.includes(words)).toBe(false);
});
