/**
 * A dry look at a list of people, before anything is sent: rows read by the API's rules, with the
 * codes it would report. The API has the last word, and alone knows who is a member already.
 */
export const MAX_ROSTER = 60_000; // characters
export const MAX_PEOPLE = 1000;
const MAX_CELL_LINES = 20;
const MAX_EMAIL = 254;
const MAX_NAME = 100;

export type LineCode =
  | "missing_email"
  | "invalid_email"
  | "name_too_long"
  | "unknown_role"
  | "repeated"
  | "malformed_csv"
  | "several_addresses"
  | "unreadable_name";
export type FileCode = "empty_file" | "no_email_column" | "too_many_lines" | "too_long";
export type RosterLine = {
  line: number;
  email: string;
  name: string;
  role: "member" | "manager";
  problem?: LineCode;
  /** For `repeated`: the line that has the address first. */
  first?: number;
};
export type Roster = { lines: RosterLine[] } | { problem: FileCode; count: number };

type Column = "email" | "full" | "name" | "first" | "last" | "role";

/** Headings without capitals, accents, brackets and punctuation. */
const HEADINGS: Record<Column, string> = {
  email:
    "email|e mail|mail|email address|e mail address|mail address|work email|work e mail|business email|primary email|" +
    "user principal name|emails|e mail adresse|email adresse|emailadresse|mailadresse|e mailadresse|correo|" +
    "correo electronico|direccion de correo|direccion de correo electronico|courriel|adresse e mail|adresse email|posta elettronica|indirizzo e mail|indirizzo email|" +
    "endereco de e mail|endereco de email|endereco eletronico|e mailadres|emailadres|adres e mail|adres email",
  full:
    "full name|fullname|display name|employee name|member name|contact name|participant name|preferred name|vollstandiger name|anzeigename|vor und nachname|" +
    "nombre completo|nombre y apellidos|nom complet|nom et prenom|prenom et nom|" +
    "nachname vorname|vorname nachname|nome completo|nome e cognome|cognome e nome|volledige naam|imie i nazwisko",
  name: "name|nombre|nom|nome|naam",
  first: "first name|firstname|given name|forename|first|vorname|rufname|nombre de pila|nombres|prenom|voornaam|imie",
  last: "last name|lastname|surname|family name|last|nachname|familienname|apellido|apellidos|nom de famille|cognome|sobrenome|achternaam|nazwisko",
  role: "role|member role|program role|rolle|rol",
};
const COLUMNS = new Map(
  (Object.entries(HEADINGS) as [Column, string][]).flatMap(([column, headings]) =>
    headings.split("|").map((heading): [string, Column] => [heading, column]),
  ),
);
const ROLES: Record<string, RosterLine["role"]> = {
  "": "member",
  member: "member",
  mitglied: "member",
  miembro: "member",
  membre: "member",
  manager: "manager",
};
const LOST = "\ufffd";

/** The text of a file in any encoding that spreadsheets write. */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  if (first === 0 || second === 0) return new TextDecoder(first === 0 ? "utf-16be" : "utf-16le").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    // Excel's "CSV (Macintosh)" has the line ends of an old Macintosh, too.
    return new TextDecoder(bytes.includes(13) && !bytes.includes(10) ? "macintosh" : "windows-1252").decode(bytes);
  }
}

type Row = { line: number; cells: string[]; text: string; malformed?: boolean };

/** The cells of a record; `open` while a quote is, null where one stands in the wrong place. */
function cellsOf(text: string, delimiter: string): string[] | "open" | null {
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    if (text[at] === '"') {
      let cell = "";
      for (at += 1; ; at += 1) {
        if (at >= text.length) return "open";
        if (text[at] !== '"') cell += text[at] ?? "";
        else if (text[at + 1] === '"') {
          cell += '"';
          at += 1;
        } else break;
      }
      at += 1;
      if (at < text.length && text[at] !== delimiter) return null;
      cells.push(cell.trim());
    } else {
      const end = text.indexOf(delimiter, at);
      cells.push(text.slice(at, end < 0 ? undefined : end).trim());
      at = end < 0 ? text.length : end;
    }
    if (at >= text.length) return cells;
    at += 1;
  }
}

/** The separator of the header's headings; without a header, the most frequent one of the first line with any. */
function delimiterOf(lines: string[]): string {
  const above = lines.findIndex((line) => line.includes("@"));
  for (const line of lines.slice(0, above < 0 ? undefined : above)) {
    const known = (delimiter: string): number => {
      const columns = line.split(delimiter).map((cell) => heading(cell.replaceAll('"', "")));
      return columns.includes("email") ? columns.filter(Boolean).length : 0;
    };
    const found = [",", ";", "\t", "|"].filter((each) => line.includes(each));
    const best = found.sort((one, other) => known(other) - known(one))[0];
    if (best && known(best) > 0) return best;
  }
  for (const line of lines) {
    const outside = line.split('"').filter((_, index) => index % 2 === 0).join("");
    const count = (delimiter: string): number => outside.split(delimiter).length - 1;
    const most = [",", ";", "\t"].reduce((best, each) => (count(each) > count(best) ? each : best));
    if (count(most) > 0) return most;
  }
  return ",";
}

function rowsOf(text: string): Row[] {
  const lines = text.split(/\r\n|[\r\n\u2028\u2029]/);
  let number = lines.findIndex((line) => line.trim());
  if (number < 0) return [];
  const separator = /^"?sep=([,;|:\t])"?$/i.exec(lines[number]?.trim() ?? "")?.[1];
  if (separator) number += 1;
  const delimiter = separator ?? delimiterOf(lines.slice(number));
  const rows: Row[] = [];
  while (number < lines.length) {
    const { row, taken } = rowAt(lines, number, delimiter);
    if (row.malformed || row.cells.some(Boolean)) rows.push(row);
    number += taken;
  }
  return rows;
}

function rowAt(lines: string[], number: number, delimiter: string): { row: Row; taken: number } {
  const text = lines[number] ?? "";
  const line = number + 1;
  for (let taken = 1; taken <= MAX_CELL_LINES && number + taken <= lines.length; taken += 1) {
    const cells = cellsOf(lines.slice(number, number + taken).join("\n"), delimiter);
    if (cells === "open") continue;
    // A quote that only another person's line closes would swallow that person.
    if (!cells || (taken > 1 && cells.some((cell) => cell.includes("\n") && cell.includes("@")))) break;
    return { row: { line, cells, text }, taken };
  }
  return { row: { line, cells: [], text, malformed: true }, taken: 1 };
}

/** Words allowed beside "e-mail" in a heading that means the person's own address. */
const ADDRESS_WORDS = new Set(
  (
    "address adresse id value work business office company corporate job personal private home school main primary contact " +
    "user member employee staff participant customer person creator pro professionnel professionnelle personnel " +
    "personnelle privat dienstlich geschaftlich trabajo corporativo"
  ).split(" "),
);

function heading(cell: string): Column | undefined {
  if (cell.length > MAX_NAME) return undefined;
  const words = cell
    .replace(/\[[^\]]*\]|\([^)]*\)|\*/g, " ")
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}/gu, "")
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .split(" ")
    .filter((word) => word && !/^\d+$/.test(word))
    .join(" ");
  const [before, after, more] = words.split(/e mail|email|mail|courriel|correo/);
  const others = `${before ?? ""} ${after ?? ""}`.split(" ").filter(Boolean);
  const own = after !== undefined && more === undefined && others.every((word) => ADDRESS_WORDS.has(word));
  return COLUMNS.get(words) ?? (own ? "email" : undefined);
}

const hasAddress = (cell: string): boolean => cell.split(/\s+/).some((part) => part.replace(/^@+|@+$/g, "").includes("@"));

type Named = { address: string; name: string };
const NAMED = /([^<>]*)<\s*([^\s@<>]+@[^\s@<>]+)\s*>/g;
const plain = (address: string): string => address.replace(/^mailto:/i, "");

const isNamed = (text: string): boolean => text.includes("<") && text.replace(NAMED, "").replace(/[\s,;]/g, "") === "";

/** `ana@x`, `Ana Lee <ana@x>`, `ana@x; ben@x`; what is none of these is one address, as written. */
function addressesIn(cell: string): Named[] {
  const named = [...cell.matchAll(NAMED)];
  if (isNamed(cell)) {
    return named.map(([, name = "", address = ""]) => ({
      address: plain(address),
      name: name.replace(/^[\s;,"']+|[\s;,"']+$/g, ""),
    }));
  }
  const parts = cell.split(/[\s,;]+/).filter(Boolean);
  if (parts.length > 1 && parts.every(hasAddress)) return parts.map((part) => ({ address: plain(part), name: "" }));
  return [{ address: plain(cell), name: "" }];
}

/** The domain's letters of other scripts are the API's to judge. */
const ADDRESS = /^[^\s@,;:<>()[\]\\"]{1,64}@(?:[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])?\.)+(?!\d+$)[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])?$/u;

function person(line: number, address: string, name: string, role: string): RosterLine {
  const known = ROLES[role.toLowerCase()];
  const read: RosterLine = { line, email: address.slice(0, MAX_EMAIL), name, role: known ?? "member" };
  if (!address) return { ...read, problem: "missing_email" };
  if (address.length > MAX_EMAIL || !ADDRESS.test(address)) return { ...read, problem: "invalid_email" };
  if (name.includes(LOST)) return { ...read, problem: "unreadable_name" };
  if ([...name].length > MAX_NAME) return { ...read, problem: "name_too_long" };
  return known ? read : { ...read, problem: "unknown_role" };
}

function spoilt({ line, text }: Row, problem: LineCode): RosterLine {
  const email = text.split(/[\s,;:<>"']+/).find((part) => part.includes("@")) ?? "";
  return { line, email, name: "", role: "member", problem };
}

function byHeader(row: Row, columns: (Column | undefined)[]): RosterLine[] {
  const cells = (column: Column): string[] => row.cells.filter((cell, index) => cell && columns[index] === column);
  const [full, given, first, last] = (["full", "name", "first", "last"] as const).map(cells) as [
    string[],
    string[],
    string[],
    string[],
  ];
  const whole = full.length > 0 || (given.length > 0 && first.length > 0 && last.length > 0);
  const name = whole ? ([...full, ...given][0] ?? "") : [...first, ...given, ...last].join(" ");
  const found = addressesIn(cells("email")[0] ?? "");
  if (found.length > 1 && name) return [spoilt(row, "several_addresses")];
  return found.map((each) => person(row.line, each.address, name || each.name, cells("role")[0] ?? ""));
}

function withoutHeader(row: Row): RosterLine[] {
  const filled = row.cells.filter(Boolean);
  const addressed = row.cells.flatMap((cell, place) => (hasAddress(cell) ? [place] : []));
  if (addressed.length > 1 || filled.some((cell) => addressesIn(cell).length > 1)) {
    if (addressed.length !== filled.length) return [spoilt(row, "several_addresses")];
    return filled.flatMap(addressesIn).map(({ address, name }) => person(row.line, address, name, ""));
  }
  const place = addressed[0] ?? 0;
  const [{ address, name: own } = { address: "", name: "" }] = addressesIn(row.cells[place] ?? "");
  const before = row.cells.slice(0, place).filter(Boolean);
  const after = row.cells.slice(place + 1);
  const [name = "", role = ""] = place > 0 ? [before.join(" "), after[0]] : after;
  return [person(row.line, address, name || own, role)];
}

const isAddresses = (cell: string): boolean => addressesIn(cell).every(({ address }) => ADDRESS.test(address));

const ownAddress = (row: Row, columns: (Column | undefined)[]): string | undefined =>
  row.cells.find((cell, index) => columns[index] === "email" && hasAddress(cell));

/** An address that is not the row's own, where a name or a role belongs. */
function hasOtherAddress(row: Row, columns: (Column | undefined)[]): boolean {
  const own = ownAddress(row, columns)?.toLowerCase();
  return row.cells.some((cell, index) => {
    const column = columns[index];
    return column !== undefined && column !== "email" && cell.toLowerCase() !== own && isAddresses(cell);
  });
}

function linesOf(row: Row, columns: (Column | undefined)[] | undefined): RosterLine[] {
  // Quotes of mail programs mean something else to spreadsheets.
  if (!columns && isNamed(row.text)) return addressesIn(row.text).map(({ address, name }) => person(row.line, address, name, ""));
  if (columns && isNamed(row.text) && (row.malformed || row.cells.length > columns.length || !ownAddress(row, columns)))
    return linesOf(row, undefined);
  if (row.malformed) return [spoilt(row, "malformed_csv")];
  if (columns && hasOtherAddress(row, columns)) {
    const filled = row.cells.filter(Boolean);
    if (!filled.every(isAddresses)) return [spoilt(row, "several_addresses")];
    return filled.flatMap(addressesIn).map(({ address, name }) => person(row.line, address, name, ""));
  }
  if (!columns || row.cells.slice(columns.length).some(hasAddress)) return withoutHeader(row);
  return byHeader(row, columns);
}

/** A first row of words that nobody knows, above rows that have their addresses in one column. */
function unknownHeader(rows: Row[], addressed: number): { columns: (Column | undefined)[]; at: number } | undefined {
  const at = rows.slice(0, addressed).findIndex((row) => row.cells.filter(Boolean).length > 1);
  const head = rows[at];
  if (!head) return undefined;
  const below = rows.slice(at + 1).flatMap((row) => row.cells.flatMap((cell, place) => (hasAddress(cell) ? [place] : [])));
  const [place] = below;
  if (place === undefined || below.some((each) => each !== place) || !head.cells[place]) return undefined;
  if (head.cells.some((cell) => /@|\bat\b|\.\w/i.test(cell))) return undefined;
  return { columns: head.cells.map((cell, index) => (index === place ? "email" : heading(cell))), at };
}

export function readRoster(text: string): Roster {
  if (text.length > MAX_ROSTER) return { problem: "too_long", count: text.length };
  const rows = rowsOf(text.replace(/^\ufeff/, ""));
  if (rows.length === 0) return { problem: "empty_file", count: 0 };
  // A title may stand above the header.
  const at = rows.findIndex((row) => row.text.includes("@") || row.cells.map(heading).includes("email"));
  const head = rows[at];
  if (!head) return { problem: "no_email_column", count: 0 };
  const headed = head.cells.map(heading).includes("email") && !head.cells.some(hasAddress);
  const header = headed ? { columns: head.cells.map(heading), at } : unknownHeader(rows, at);
  const lines = rows.slice(header ? header.at + 1 : 0).flatMap((row) => linesOf(row, header?.columns));
  if (lines.length > MAX_PEOPLE) return { problem: "too_many_lines", count: lines.length };
  if (lines.length === 0) return { problem: "empty_file", count: 0 };
  const seen = new Map<string, number>();
  return {
    lines: lines.map((each) => {
      const email = each.email.toLowerCase();
      const first = seen.get(email);
      if (each.problem) return each;
      if (first !== undefined) return { ...each, problem: "repeated", first };
      seen.set(email, each.line);
      return each;
    }),
  };
}
