import { closeSync, mkdtempSync, openAsBlob, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
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

/** Writes a clip with its chunks spread over two gigabytes, as if each were a large one; a sparse file. */
function writeLarge(path: string): void {
  const bytes = readFileSync(CLIP);
  const found = boxes(bytes);
  const places = found
    .filter(({ type }) => type === "stco")
    .flatMap(({ at }) => Array.from({ length: bytes.readUInt32BE(at + 12) }, (_, each) => at + 16 + 4 * each));
  const chunks = places.map((place) => bytes.readUInt32BE(place)).sort((one, other) => one - other);
  const gap = Math.ceil(LARGE / chunks.length);
  for (const place of places) {
    const chunk = bytes.readUInt32BE(place);
    bytes.writeUInt32BE(chunk + chunks.indexOf(chunk) * gap, place);
  }
  const media = found.find(({ type }) => type === "mdat");
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
