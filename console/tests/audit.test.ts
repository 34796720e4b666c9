import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { KINDS } from "../src/audit/queries";
import en from "../src/audit/words.manager.en";

type Api = { components: { schemas: { Kind: { enum: string[] } } } };

test("every act that the API records can be chosen from, and is told in a sentence", () => {
  const api = JSON.parse(readFileSync(new URL("../../openapi.json", import.meta.url), "utf-8")) as Api;
  const recorded = api.components.schemas.Kind.enum;
  expect([...KINDS].sort()).toEqual([...recorded].sort());
  const untold = recorded.filter((kind) => !(`did_${kind.replace(".", "_")}` in en));
  expect(untold).toEqual([]);
});
