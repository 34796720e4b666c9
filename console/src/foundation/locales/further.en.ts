import { byNamespace, type Catalogue } from "../words";

/** Of problems, and of every package that no other bundle names. */
export default byNamespace(
  import.meta.glob<Catalogue>(
    [
      "../../*/words.en.ts",
      "../words.further.en.ts",
      "!../words.en.ts",
      "!../../activities/words.en.ts",
      "!../../performances/words.en.ts",
      "!../../points/words.en.ts",
      "!../../me/words.en.ts",
      "!../../privacy/words.en.ts",
      "!../../rewards/words.en.ts",
      "!../../programs/words.en.ts",
    ],
    { eager: true, import: "default" },
  ),
);
