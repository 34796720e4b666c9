import { type Merge, mergeFields } from "../foundation/merge";
import { bodyOf, FIELD_NAMES, type Fields } from "./form";

/** What came of two managers changing the same activity at once. */
export function merge(base: Fields, mine: Fields, theirs: Fields): Merge<Fields> {
  return mergeFields(FIELD_NAMES, { base, mine, theirs }, (name, fields) => bodyOf(fields, [name]));
}
