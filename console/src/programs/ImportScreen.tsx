import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { copyText } from "../foundation/copy";
import { number } from "../foundation/time";
import { Button, LinkButton } from "../foundation/ui/buttons";
import { type Column, Table } from "../foundation/ui/data";
import { keptInTab } from "../foundation/store";
import { TextArea } from "../foundation/ui/fields";
import { useFileDrop } from "../foundation/ui/forms";
import { Icon } from "../foundation/ui/Icon";
import { BackLink } from "../foundation/ui/pages";
import { Badge, ErrorNote, Note, PageHead } from "../foundation/ui/parts";
import { useRequest } from "../foundation/ui/request";
import { Segments } from "../foundation/ui/Segments";
import { toast } from "../foundation/ui/toasts";
import type { Schemas } from "../foundation/api/client";
import forms from "../foundation/ui/forms.module.css";
import css from "./manage.module.css";
import { importRoster } from "./member_queries";
import { decodeText, MAX_PEOPLE, MAX_ROSTER, readRoster, type RosterLine } from "./roster";
import { t } from "./words.manager";

type Report = Schemas["ImportReport"];
const EXAMPLE = "email;name;role\nana@demo.example;Ana;member\nben@demo.example;Ben;manager";

/** The parts of an import that this tab keeps until another list is checked. */
type Kept = { text?: string; fileName?: string; report?: Report };
const KEPT = "import";
const PASTED = "import.pasted";

/** A list of people: looked at here before anything is sent, then invited, with a word on each line. */
export default function ImportScreen() {
  const [{ text, fileName = "", report }, set] = useState<Kept>(() => keptInTab.read<Kept>(KEPT) ?? {});
  const keep = (now: Kept): void => {
    set(now);
    keptInTab.write(KEPT, now);
  };
  const [unread, setUnread] = useState(false);
  const again = (): void => keep({});
  const read = (file: File | undefined): void => {
    setUnread(false);
    if (!file) return;
    // Longer than any list that is taken; reading it all would only make the page stand still.
    const looked = file.slice(0, MAX_ROSTER * 4);
    looked.arrayBuffer().then(
      (bytes) => keep({ text: decodeText(new Uint8Array(bytes)), fileName: file.name }),
      () => {
        again();
        setUnread(true);
      },
    );
  };
  useFileDrop(([file]) => read(file));
  return (
    <>
      <BackLink href="/manage/members">{t("members_title")}</BackLink>
      <PageHead title={t("import_title")}>{t("import_text")}</PageHead>
      {report ? (
        <ReportView report={report} onAgain={again} />
      ) : text === undefined ? (
        <Choose unread={unread} read={read} onText={(pasted) => keep({ text: pasted })} />
      ) : (
        <DryLook text={text} fileName={fileName} onBack={again} onDone={(done) => keep({ report: done })} />
      )}
    </>
  );
}

type ChooseProps = { unread: boolean; read: (file: File | undefined) => void; onText: (text: string) => void };

function Choose({ unread, read, onText }: ChooseProps) {
  const input = useRef<HTMLInputElement>(null);
  const [pasted, setPasted] = useState(() => keptInTab.read<string>(PASTED) ?? "");
  return (
    <div class={css.narrow}>
      <div class={css.zone}>
        <Icon name="people" size={32} />
        <input
          ref={input}
          type="file"
          accept=".csv,.txt,text/csv,text/plain"
          hidden
          onChange={(event) => {
            read(event.currentTarget.files?.[0]);
            event.currentTarget.value = "";
          }}
        />
        <Button kind="primary" onClick={() => input.current?.click()}>
          {t("choose_csv")}
        </Button>
        <p class={forms.muted}>{t("csv_hint", { limit: number(MAX_PEOPLE) })}</p>
        <pre class={css.example} aria-label={t("example")}>
          {EXAMPLE}
        </pre>
      </div>
      {unread ? (
        <Note tone="bad" alert>
          {t("file_unreadable")}
        </Note>
      ) : null}
      <section class={forms.section}>
        <TextArea
          label={t("paste_label")}
          hint={t("paste_hint")}
          rows={5}
          spellcheck={false}
          value={pasted}
          onInput={({ currentTarget: { value } }) => {
            setPasted(value);
            keptInTab.write(PASTED, value || undefined);
          }}
        />
        <span>
          <Button
            disabled={!pasted.trim()}
            onClick={() => {
              keptInTab.write(PASTED, undefined);
              onText(pasted);
            }}
          >
            {t("look_at_it")}
          </Button>
        </span>
      </section>
    </div>
  );
}

type DryLookProps = { text: string; fileName: string; onBack: () => void; onDone: (report: Report) => void };

function DryLook({ text, fileName, onBack, onDone }: DryLookProps) {
  const { busy, error, run } = useRequest();
  const [only, setOnly] = useState<"all" | "problems">("all");
  const roster = readRoster(text);
  if ("problem" in roster) {
    return (
      <div class={css.narrow}>
        <Note tone="bad" alert>
          <p>
            {t(`file_${roster.problem}`, {
              count: number(roster.count),
              limit: number(roster.problem === "too_long" ? MAX_ROSTER : MAX_PEOPLE),
            })}
          </p>
          <span>
            <Button size="small" onClick={onBack}>
              {t("another_file")}
            </Button>
          </span>
        </Note>
      </div>
    );
  }
  const { lines } = roster;
  const good = lines.filter((each) => !each.problem);
  const bad = lines.filter((each) => each.problem);
  const send = (): Promise<void> => run(async () => onDone(await importRoster(text)));
  const columns: Column<RosterLine>[] = [
    { label: t("col_line"), numeric: true, cell: ({ line }) => number(line) },
    { label: t("email"), cell: ({ email }) => <bdi>{email || "—"}</bdi> },
    { label: t("name"), wide: true, cell: ({ name }) => <bdi>{name}</bdi> },
    { label: t("role"), wide: true, cell: ({ role }) => t(`role_${role}`) },
    {
      label: t("col_outcome"),
      cell: ({ problem, first }) =>
        problem ? (
          <Badge tone="bad">{t(`line_${problem}`, { line: number(first ?? 0) })}</Badge>
        ) : (
          <Badge tone="good">{t("line_good")}</Badge>
        ),
    },
  ];
  return (
    <div class={forms.form}>
      <div class={css.tiles}>
        <Tile count={good.length} words={t("tile_to_invite")} tone="good" />
        <Tile count={bad.length} words={t("tile_problems")} tone={bad.length > 0 ? "bad" : undefined} />
      </div>
      <Note icon="mail">
        <p>{fileName ? t("dry_text_file", { file: fileName }) : t("dry_text")}</p>
        {bad.length > 0 ? <p>{t("dry_bad_lines")}</p> : null}
      </Note>
      {bad.length > 0 ? (
        <Segments
          label={t("which_lines")}
          value={only}
          options={[
            { value: "all", label: t("all_lines") },
            { value: "problems", label: t("problem_lines") },
          ]}
          onChange={setOnly}
        />
      ) : null}
      <Table
        caption={t("lines")}
        columns={columns}
        rows={only === "problems" ? bad : lines}
        rowKey={({ line }) => String(line)}
      />
      {error ? <ErrorNote error={error} /> : null}
      <div class={forms.bar}>
        <p role="status">{t("nothing_sent_yet")}</p>
        <Button onClick={onBack}>{t("another_file")}</Button>
        <Button kind="primary" icon="mail" busy={busy} onClick={() => void send()}>
          {t("invite_people", { count: good.length })}
        </Button>
      </div>
    </div>
  );
}

function Tile({ count, words, tone }: { count: number; words: string; tone?: "good" | "bad" | undefined }) {
  return (
    <p class={tone ? `${css.tile} ${css[tone]}` : css.tile}>
      <strong>{number(count)}</strong>
      {words}
    </p>
  );
}

type ReportLine = Report["lines"][number];

function ReportView({ report, onAgain }: { report: Report; onAgain: () => void }) {
  const [only, setOnly] = useState<"all" | "problems">(report.problems > 0 ? "problems" : "all");
  const rows = only === "problems" ? report.lines.filter((each) => each.outcome === "problem") : report.lines;
  const heading = useRef<HTMLParagraphElement>(null);
  useLayoutEffect(() => heading.current?.focus(), []);
  const words = ({ outcome, problem }: ReportLine): string => {
    if (outcome === "invited") return t("line_invited");
    if (outcome === "already_a_member") return t("line_already");
    const key = [`reported_${problem?.code}`, `line_${problem?.code}`].find(t.has);
    return key ? t(key) : (problem?.message ?? "");
  };
  const copy = async (): Promise<void> => {
    const text = report.lines
      .filter((each) => each.outcome === "problem")
      .map((each) => `${each.line}\t${each.email}\t${words(each)}`)
      .join("\n");
    toast(t((await copyText(text)) ? "lines_copied" : "id_not_copied"));
  };
  const columns: Column<ReportLine>[] = [
    { label: t("col_line"), numeric: true, cell: ({ line }) => number(line) },
    { label: t("email"), cell: ({ email }) => <bdi>{email || "—"}</bdi> },
    {
      label: t("col_outcome"),
      cell: (line) => (
        <Badge tone={{ invited: "good", already_a_member: "plain", problem: "bad" }[line.outcome] as "good" | "plain" | "bad"}>
          {words(line)}
        </Badge>
      ),
    },
  ];
  return (
    <div class={forms.form}>
      <p ref={heading} tabIndex={-1} role="status">
        {t("import_done")}
      </p>
      <div class={css.tiles}>
        <Tile count={report.invited} words={t("tile_invited")} tone="good" />
        <Tile count={report.already_members} words={t("tile_already")} />
        <Tile count={report.problems} words={t("tile_problems")} tone={report.problems > 0 ? "bad" : undefined} />
      </div>
      {report.problems > 0 ? (
        <span class={css.actions}>
          <Segments
            label={t("which_lines")}
            value={only}
            options={[
              { value: "problems", label: t("problem_lines") },
              { value: "all", label: t("all_lines") },
            ]}
            onChange={setOnly}
          />
          <Button size="small" icon="copy" onClick={() => void copy()}>
            {t("copy_problem_lines")}
          </Button>
        </span>
      ) : null}
      <Table caption={t("lines")} columns={columns} rows={rows} rowKey={({ line }) => String(line)} />
      <span class={css.actions}>
        <LinkButton kind="primary" href="/manage/members" onClick={() => keptInTab.write(KEPT, undefined)}>
          {t("to_members")}
        </LinkButton>
        <Button onClick={onAgain}>{t("another_file")}</Button>
      </span>
    </div>
  );
}
