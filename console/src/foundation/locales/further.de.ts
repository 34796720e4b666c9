import { byNamespace, type Catalogue } from "../words";

/** Of problems, and of every package that no other bundle names. */
export default byNamespace(
  import.meta.glob<Catalogue>(
    [
      "../../*/words.de.ts",
      "../words.further.de.ts",
      "!../words.de.ts",
      "!../../activities/words.de.ts",
      "!../../performances/words.de.ts",
      "!../../points/words.de.ts",
      "!../../me/words.de.ts",
      "!../../privacy/words.de.ts",
      "!../../rewards/words.de.ts",
      "!../../programs/words.de.ts",
    ],
    { eager: true, import: "default" },
  ),
);
