import { type Merge, mergeFields } from "../foundation/merge";
import { bodyOf, FIELD_NAMES, type Fields } from "./form";

/** The result of merging two managers' simultaneous changes of an activity. */
export function merge(base: Fields, mine: Fields, theirs: Fields): Merge<Fields> {
  return mergeFields(FIELD_NAMES, { base, mine, theirs }, (name, fields) => bodyOf(fields, [name]));
}
