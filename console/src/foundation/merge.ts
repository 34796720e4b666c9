/** Merges the changes of two people who changed one thing at once. */

/** The result of a merge, field by field. */
export type Merge<Fields, Name extends keyof Fields & string = keyof Fields & string> = {
  /** Mine where I changed something, theirs where only they did. */
  merged: Fields;
  /** Both changed these, to something else each. */
  conflicts: Name[];
  theirs: Name[];
};

export const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** `sent` is what of a field the API is sent: typing something and taking it back is no change. */
export function mergeFields<Fields extends object, Name extends keyof Fields & string>(
  names: readonly Name[],
  { base, mine, theirs }: { base: Fields; mine: Fields; theirs: Fields },
  sent: (name: Name, fields: Fields) => unknown = (name, fields) => fields[name],
): Merge<Fields, Name> {
  const changed = (name: Name, fields: Fields): boolean => !same(sent(name, base), sent(name, fields));
  const byThem = names.filter((name) => changed(name, theirs));
  const taken = byThem.filter((name) => !changed(name, mine));
  const conflicts = byThem.filter((name) => changed(name, mine) && !same(sent(name, mine), sent(name, theirs)));
  const merged = { ...mine, ...Object.fromEntries(taken.map((name) => [name, theirs[name]])) };
  return { merged, conflicts, theirs: taken };
}
