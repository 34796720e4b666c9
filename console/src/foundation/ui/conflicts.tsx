import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { asProblem } from "../api/problems";
import { later } from "../later";
import { mergeFields, same } from "../merge";
import { toastProblem } from "./toast_problem";

const Conflict = later(() => import("./Conflict"));

type Versioned = { version: number };
type Words<Thing> = {
  /** A field's name on the screen. */
  label: (name: keyof Thing & string) => string;
  /** A field's value in words; without, as it is. */
  say?: (name: keyof Thing & string, thing: Thing) => unknown;
};
type Saving<Thing> = {
  /** As it was when the change began. */
  base: Thing;
  changes: Partial<Thing>;
  /** Writes on the version of `on`; answers what came of it. */
  write: (changes: Partial<Thing>, on: Thing) => Promise<Thing>;
  /** Reads it as it is now. */
  read: () => Promise<Thing | undefined>;
  onSaved?: (now: Thing) => void;
};
type Met<Thing> = Saving<Thing> & { mine: Thing; theirs: Thing; conflicts: (keyof Thing & string)[]; taken: (keyof Thing & string)[] };

const plain = <Thing,>(name: keyof Thing & string, thing: Thing): unknown => thing[name];

/**
 * Saves changes on the version that was seen. Where somebody else was faster, `dialog` shows both
 * versions and goes on from there; `save` ends without `onSaved` then. `names` are the fields that
 * are compared.
 */
export function useConflicts<Thing extends Versioned>(
  names: readonly (keyof Thing & string)[],
  { label, say }: Words<Thing>,
): { save: (saving: Saving<Thing>) => Promise<void>; dialog: ComponentChildren } {
  const [met, setMet] = useState<Met<Thing>>();

  const save = async (saving: Saving<Thing>): Promise<void> => {
    const { base, changes, write, read, onSaved } = saving;
    try {
      const now = Object.keys(changes).length > 0 ? await write(changes, base) : base;
      onSaved?.(now);
    } catch (caught) {
      const theirs = asProblem(caught).code === "changed_meanwhile" ? await read().catch(() => undefined) : undefined;
      if (!theirs || theirs.version === base.version) throw caught;
      const mine = { ...base, ...changes };
      const { conflicts, theirs: taken } = mergeFields(names, { base, mine, theirs });
      const now = { ...saving, mine, theirs, conflicts, taken };
      if (conflicts.length + taken.length > 0) return setMet(now);
      await goOn(now, names.filter((name) => same(mine[name], theirs[name]))); // nobody has to choose
    }
  };
  /** Saves on their version what of my changes is kept. */
  const goOn = ({ theirs, changes, ...saving }: Met<Thing>, dropped: string[]): Promise<void> => {
    const kept = Object.fromEntries(Object.entries(changes).filter(([name]) => !dropped.includes(name)));
    setMet(undefined);
    return save({ ...saving, base: theirs, changes: kept as Partial<Thing> });
  };
  const dialog = met ? (
    <Conflict
      conflicts={met.conflicts}
      taken={met.taken}
      label={(name) => label(name as keyof Thing & string)}
      say={(name, whose) => (say ?? plain)(name as keyof Thing & string, met[whose])}
      onClose={() => setMet(undefined)}
      onChosen={(chosen) => void goOn(met, chosen).catch(toastProblem)}
    />
  ) : null;
  return { save, dialog };
}
