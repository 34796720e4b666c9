import { describe, expect, test } from "vitest";
import { decodeText, readRoster, type RosterLine } from "../src/programs/roster";

function read(text: string): RosterLine[] {
  const roster = readRoster(text);
  if ("problem" in roster) throw new Error(roster.problem);
  return roster.lines;
}
const problemOf = (text: string): string => {
  const roster = readRoster(text);
  return "problem" in roster ? roster.problem : "none";
};
const people = (text: string): string[] => read(text).map(({ email, name, role }) => `${email}|${name}|${role}`);

describe("a list of people", () => {
  test.each([
    ["with commas", "email,name,role\nana@x.example,Ana,manager"],
    ["with semicolons", "email;name;role\nana@x.example;Ana;manager"],
    ["with tabs and a BOM", "\ufeffemail\tname\trole\r\nana@x.example\tAna\tmanager\r\n"],
    ["with quotes", '"E-Mail";"Name";"Role"\n"ana@x.example";"Ana";"Manager"'],
    ["without a header", "ana@x.example,Ana,manager"],
    ["in another order, with other columns", "Rolle;Team;Name;E-Mail-Adresse\nmanager;Bar;Ana;ana@x.example"],
    ["with Excel's first line", "sep=;\nemail;name;role\nana@x.example;Ana;manager"],
  ])("%s", (_, text) => {
    expect(people(text)).toEqual(["ana@x.example|Ana|manager"]);
  });

  test("may have first and last names, and addresses as mail programs write them", () => {
    expect(people("Vorname;Nachname;E-Mail\nAna;Lee;ana@x.example")).toEqual(["ana@x.example|Ana Lee|member"]);
    expect(people('"Lee, Ana" <ana@x.example>; Ben <ben@x.example>')).toEqual(["ana@x.example|Lee, Ana|member", "ben@x.example|Ben|member"]);
  });

  test.each([
    ["pipes that the header has", "email|name\nana@x.example|Ana Lee"],
    ["one of its kind", "Employee Email;Vorname;Nachname\nana@x.example;Ana;Lee"],
    ["in Italian", "Posta elettronica;Nome;Cognome\nana@x.example;Ana;Lee"],
    ["of a word nobody knows", "Kontakt;Naam;Achternaam\nana@x.example;Ana;Lee"],
  ])("has a header: %s", (_, text) => {
    expect(people(text)).toEqual(["ana@x.example|Ana Lee|member"]);
  });

  test("loses nobody of a list of addresses under a header, and takes no made-up domain", () => {
    expect(people("email,name\na@x.example,b@x.example")).toEqual(["a@x.example||member", "b@x.example||member"]);
    expect(read("email,name,role\na@x.example,Ana,b@x.example")[0]?.problem).toBe("several_addresses");
    expect(people('email,name\n"Lee, Ana" <a@x.example>')).toEqual(["a@x.example|Lee, Ana|member"]);
    expect(read("a@x.example|ann\na@1.2.3.4\na@-x.example\na@bücher.example").map(({ problem }) => problem)).toEqual([
      "invalid_email",
      "invalid_email",
      "invalid_email",
      undefined,
    ]);
  });

  test("names each line's own problem, and the line it stands in", () => {
    const lines = read('email,name,role\n\nnobody\nana@x.example,Ana,boss\n,Eve\nben@x.example\nBEN@x.example\n"open,quote\ncy@x.example');
    expect(lines.map(({ line, problem, first }) => [line, problem, first])).toEqual([
      [3, "invalid_email", undefined],
      [4, "unknown_role", undefined],
      [5, "missing_email", undefined],
      [6, undefined, undefined],
      [7, "repeated", 6],
      [8, "malformed_csv", undefined],
      [9, undefined, undefined],
    ]);
  });

  test("is refused as a whole only when there is nobody, no address, or too many in it", () => {
    expect(problemOf("")).toBe("empty_file");
    expect(problemOf("\n ; ;\n")).toBe("empty_file");
    expect(problemOf("email\n")).toBe("empty_file");
    expect(problemOf("just words")).toBe("no_email_column");
    expect(problemOf(Array.from({ length: 1001 }, (_, index) => `p${index}@x.example`).join("\n"))).toBe("too_many_lines");
    expect(problemOf("x".repeat(60_001))).toBe("too_long");
  });

  test("may have any name in it: what looks like HTML is a name", () => {
    expect(read("a@x.example,<b>Bob</b>,member")[0]?.name).toBe("<b>Bob</b>");
  });
});

test("files are decoded from what spreadsheets write", () => {
  expect(decodeText(new TextEncoder().encode("Zoë"))).toBe("Zoë");
  expect(decodeText(Uint8Array.from([0x5a, 0x6f, 0xeb]))).toBe("Zoë");
  expect(decodeText(Uint8Array.from([0xff, 0xfe, 0x5a, 0x00, 0xeb, 0x00]))).toBe("Zë");
});
