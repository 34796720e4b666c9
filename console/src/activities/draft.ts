/** Keeps typed input in this browser until it is published or discarded. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { kept } from "../foundation/store";
import { zone } from "../foundation/time";
import { type ActivityView, EMPTY, type Fields, fieldsOf, inZone } from "./form";

/** The form's initial values, with which typed input is compared. */
export type Base = { version: number; fields: Fields };

export type Draft = {
  fields: Fields;
  /** Of changes to an activity: what they were made to. */
  base?: Base | undefined;
  /** In which times are typed. */
  zone?: string | undefined;
  upload?: { name: string; uploadId?: string } | undefined;
  /** Of the draft on the server that it began with, which goes once it is published. */
  draftId?: string | undefined;
};

/** Where the activity that is being made is kept. */
export const NEW_DRAFT = "draft.activity";

const SAVED_AFTER_MS = 250;

export const baseOf = (activity: ActivityView): Base => ({ version: activity.version, fields: fieldsOf(activity, zone.value) });

/** Keeps what an activity that was made held back is to be once it is published. */
export function setAside(made: ActivityView, fields: Fields): void {
  kept.write(`${NEW_DRAFT}.${made.activity_id}`, { fields, base: baseOf(made), zone: zone.value } satisfies Draft);
}

/** In the person's zone of now. A draft of an older version of the console may lack what this one has. */
export function readDraft(name: string): Draft | undefined {
  const found = kept.read<Partial<Draft>>(name);
  if (!found?.fields) return undefined;
  const here = (fields: Fields): Fields => inZone({ ...EMPTY, ...fields }, found.zone ?? zone.value, zone.value);
  const { base } = found;
  return { ...found, zone: zone.value, fields: here(found.fields), base: base && { ...base, fields: here(base.fields) } };
}

/** Has what is being typed moved when the person's zone becomes another one. */
export function useZoneChange(move: (fields: (before: Fields) => Fields) => void): void {
  const shown = useRef(zone.value);
  useLayoutEffect(() => {
    const from = shown.current;
    shown.current = zone.value;
    if (from !== zone.value) move((before) => inZone(before, from, zone.value));
  }, [zone.value]);
}

export function useDraft(name: string, draft: Draft | undefined): { isKept: boolean; forget: () => void } {
  const [isKept, setKept] = useState(true);
  const pending = useRef<() => void>();
  const text = JSON.stringify(draft);
  // A layout effect: a page that is left right after typing still has it to write.
  useLayoutEffect(() => {
    const write = (): void => {
      pending.current = undefined;
      setKept(kept.write(name, draft && { ...draft, zone: zone.value }));
    };
    pending.current = write;
    const timer = setTimeout(write, SAVED_AFTER_MS);
    return () => clearTimeout(timer);
  }, [name, text]);
  useLayoutEffect(() => {
    const flush = (): void => pending.current?.();
    addEventListener("pagehide", flush);
    return () => {
      removeEventListener("pagehide", flush);
      flush();
    };
  }, []);
  return {
    isKept,
    forget: () => {
      pending.current = undefined;
      kept.write(name, undefined);
    },
  };
}

