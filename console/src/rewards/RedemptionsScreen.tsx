import { useLocation } from "preact-iso";
import { useState } from "preact/hooks";
import { fieldWords } from "../foundation/problem_words";
import { dateTime, relative } from "../foundation/time";
import { Button } from "../foundation/ui/buttons";
import { type Column, Table } from "../foundation/ui/data";
import { TextArea, TextField } from "../foundation/ui/fields";
import { FormDialog } from "../foundation/ui/forms";
import { BackLink, Filters, List } from "../foundation/ui/pages";
import { Badge, EmptyState, ErrorNote, Note, PageHead } from "../foundation/ui/parts";
import { useRequest } from "../foundation/ui/request";
import { Segments } from "../foundation/ui/Segments";
import { toast } from "../foundation/ui/toasts";
import { useMe } from "../me/queries";
import manage from "../programs/manage.module.css";
import { fulfil, reject, type RequestView, type Status, useRequests } from "./manager_queries";
import { NobodyFulfils } from "./ManageRewardsScreen";
import css from "./rewards.module.css";
import { t } from "./words.manager";

const STATUSES = ["requested", "fulfilled", "rejected"] as const;
const MAX_NOTE = 1000;
const MAX_CODE = 200;
const MAX_REASON = 300;

type Asked = { what: "fulfil" | "reject"; request: RequestView };

export default function RedemptionsScreen() {
  const { query, route } = useLocation();
  const status: Status = STATUSES.find((each) => each === query.status) ?? "requested";
  const list = useRequests(status);
  const on = useMe().data?.program.rewards ?? true;
  const requests = list.data?.pages.flatMap((page) => page.items) ?? [];
  const [asked, setAsked] = useState<Asked>();
  return (
    <>
      {on ? <BackLink href="/manage/rewards">{t("rewards_title")}</BackLink> : null}
      <PageHead title={t("requests")}>{t("requests_text")}</PageHead>
      {on ? (
        <NobodyFulfils />
      ) : (
        <div class={css.notes}>
          <Note>{t("off_note")}</Note>
        </div>
      )}
      <Filters>
        <Segments
          label={t("col_status")}
          value={status}
          options={STATUSES.map((value) => ({ value, label: t(`request_${value}`) }))}
          onChange={(value) => route(`/manage/redemptions?status=${value}`, true)}
        />
      </Filters>
      <List
        list={list}
        count={requests.length}
        row="4rem"
        empty={<EmptyState icon={status === "requested" ? "check" : "inbox"} title={t(`none_${status}`)} />}
      >
        <RequestTable requests={requests} status={status} onAsk={setAsked} />
      </List>
      {asked?.what === "fulfil" ? <FulfilDialog request={asked.request} onClose={() => setAsked(undefined)} /> : null}
      {asked?.what === "reject" ? <RejectDialog request={asked.request} onClose={() => setAsked(undefined)} /> : null}
    </>
  );
}

function RequestTable({ requests, status, onAsk }: { requests: RequestView[]; status: Status; onAsk: (asked: Asked) => void }) {
  const columns: Column<RequestView>[] = [
    {
      label: t("col_who"),
      cell: ({ member_name: name, member_removed: gone, title, price }) => (
        <span class={manage.who}>
          <bdi>{name}</bdi>
          <span>{t("for_points", { title, count: price })}</span>
          {gone ? <Badge tone="warning">{t("gone")}</Badge> : null}
        </span>
      ),
    },
    {
      label: t("col_when"),
      wide: true,
      cell: ({ requested_at: at, decided_at: decided }) => dateTime(decided ?? at),
    },
    status === "requested"
      ? {
          label: t("col_actions"),
          hidden: true,
          narrow: true,
          cell: (request) => (
            <span class={css.buttons}>
              <Button
                size="small"
                kind="primary"
                icon="check"
                aria-label={t("fulfil_label", { name: request.member_name, title: request.title })}
                onClick={() => onAsk({ what: "fulfil", request })}
              >
                {t("fulfil")}
              </Button>
              <Button
                size="small"
                aria-label={t("reject_label", { name: request.member_name, title: request.title })}
                onClick={() => onAsk({ what: "reject", request })}
              >
                {t("reject")}
              </Button>
            </span>
          ),
        }
      : {
          label: t("col_told"),
          cell: ({ note, code, reason }) => <bdi class={css.whole}>{[code, note, reason].filter(Boolean).join(" · ") || "—"}</bdi>,
        },
  ];
  return <Table caption={t("requests")} columns={columns} rows={requests} rowKey={({ redemption_id }) => redemption_id} />;
}

type Deciding = { request: RequestView; onClose: () => void };

function useDecision(onClose: () => void, done: "fulfilled_toast" | "fulfilled_off_toast" | "rejected_toast") {
  const { busy, error, run } = useRequest();
  const decide = (call: () => Promise<RequestView>): Promise<void> =>
    run(async () => {
      const { member_name: name, member_removed: gone } = await call();
      toast(t(gone ? "gone_toast" : done, { name }));
      onClose();
    });
  return { busy, error, decide };
}

function Summary({ request }: { request: RequestView }) {
  return (
    <p class={css.muted}>
      {t("asked_by", { name: request.member_name, when: relative(request.requested_at) })}{" "}
      {t("for_points", { title: request.title, count: request.price })} {request.member_removed ? `${t("gone")}.` : null}
    </p>
  );
}

function FulfilDialog({ request, onClose }: Deciding) {
  const [code, setCode] = useState("");
  const [note, setNote] = useState("");
  const on = useMe().data?.program.rewards ?? true;
  const { busy, error, decide } = useDecision(onClose, on ? "fulfilled_toast" : "fulfilled_off_toast");
  const send = (): Promise<void> =>
    decide(() => fulfil(request.redemption_id, { note: note.trim() || null, code: code.trim() || null }));
  return (
    <FormDialog title={t("fulfil_title", { title: request.title })} onClose={onClose} onSubmit={send} submit={t("fulfil")} icon="check" busy={busy}>
      <Summary request={request} />
      <TextField
        label={t("code")}
        hint={t("code_hint")}
        optional
        autocomplete="off"
        autofocus
        maxLength={MAX_CODE}
        value={code}
        error={fieldWords(error, "code")}
        onInput={(event) => setCode(event.currentTarget.value)}
      />
      <TextArea
        label={t("note")}
        hint={t("note_hint")}
        optional
        dir="auto"
        rows={3}
        maxLength={MAX_NOTE}
        value={note}
        error={fieldWords(error, "note")}
        onInput={(event) => setNote(event.currentTarget.value)}
      />
      {error ? <ErrorNote error={error} /> : null}
    </FormDialog>
  );
}

function RejectDialog({ request, onClose }: Deciding) {
  const [reason, setReason] = useState("");
  const [tried, setTried] = useState(false);
  const { busy, error, decide } = useDecision(onClose, "rejected_toast");
  const send = async (): Promise<void> => {
    setTried(true);
    if (reason.trim()) await decide(() => reject(request.redemption_id, reason.trim()));
  };
  return (
    <FormDialog title={t("reject_title", { title: request.title })} onClose={onClose} onSubmit={send} submit={t("reject")} dangerous busy={busy}>
      <Summary request={request} />
      {request.member_removed ? null : <p>{t("reject_text", { count: request.price })}</p>}
      <TextField
        label={t("reason")}
        hint={t("reason_hint")}
        dir="auto"
        autofocus
        maxLength={MAX_REASON}
        value={reason}
        error={tried && !reason.trim() ? t("error_reason") : fieldWords(error, "reason")}
        onInput={(event) => setReason(event.currentTarget.value)}
      />
      {error ? <ErrorNote error={error} /> : null}
    </FormDialog>
  );
}
