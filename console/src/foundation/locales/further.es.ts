import { byNamespace, type Catalogue } from "../words";

/** Of problems, and of every package that no other bundle names. */
export default byNamespace(
  import.meta.glob<Catalogue>(
    [
      "../../*/words.es.ts",
      "../words.further.es.ts",
      "!../words.es.ts",
      "!../../activities/words.es.ts",
      "!../../performances/words.es.ts",
      "!../../points/words.es.ts",
      "!../../me/words.es.ts",
      "!../../privacy/words.es.ts",
      "!../../rewards/words.es.ts",
      "!../../programs/words.es.ts",
    ],
    { eager: true, import: "default" },
  ),
);
