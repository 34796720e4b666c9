/** What is typed is kept by this browser until it is published or thrown away. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { kept } from "../foundation/store";
import { EMPTY, type Fields } from "./form";

export type Draft = {
  fields: Fields;
  upload?: { name: string; uploadId?: string } | undefined;
  /** Of the draft on the server that it began with, which goes once it is published. */
  draftId?: string | undefined;
};

/** Where the activity that is being made is kept. */
export const NEW_DRAFT = "draft.activity";

const SAVED_AFTER_MS = 250;

/** A draft of an older version of the console may lack what this one has. */
export function readDraft(name: string): Draft | undefined {
  const found = kept.read<Partial<Draft>>(name);
  if (!found?.fields) return undefined;
  return { ...found, fields: { ...EMPTY, ...found.fields } };
}

export function useDraft(name: string, draft: Draft | undefined): { isKept: boolean; forget: () => void } {
  const [isKept, setKept] = useState(true);
  const pending = useRef<() => void>();
  const text = JSON.stringify(draft);
  // A layout effect: a page that is left right after typing still has it to write.
  useLayoutEffect(() => {
    const write = (): void => {
      pending.current = undefined;
      setKept(kept.write(name, draft));
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

