/** How often the member is mailed of what, and when. Saved as it is chosen. */
import { useEffect, useRef, useState } from "preact/hooks";
import { formatter } from "../foundation/time";
import { Button } from "../foundation/ui/buttons";
import { Select } from "../foundation/ui/fields";
import { ErrorNote, Loading, Note, Skeleton } from "../foundation/ui/parts";
import { toast } from "../foundation/ui/toasts";
import { toastProblem } from "../foundation/ui/toast_problem";
import { language } from "../foundation/words";
import { useMe } from "../me/queries";
import css from "./notifications.module.css";
import { type Changes, changeMails, type Mail, useNotices } from "./queries";
import { t } from "./words.notices";

const KINDS = ["new_activities", "last_call", "video_waiting", "account", "rewards", "points", "worklist"] as const;
const OFTEN = ["at_once", "daily", "weekly", "never"] as const;
// A Monday and its midnight: for the names of days and hours as the language writes them.
const MONDAY = Date.UTC(2024, 0, 1);
const HOUR = 3_600_000;

const name = (at: number, options: Intl.DateTimeFormatOptions): string => formatter(options, "UTC").format(at);

export default function MailSettings() {
  const section = useRef<HTMLElement>(null);
  // A link to this part comes before the part is there.
  useEffect(() => {
    if (location.hash === "#mails") section.current?.scrollIntoView();
  }, []);
  return (
    <section ref={section} id="mails" class={css.section}>
      <h2>{t("mails")}</h2>
      <Mails />
    </section>
  );
}

function Mails() {
  const notices = useNotices();
  const mail = notices.data?.mail;
  if (notices.error && !mail) return <ErrorNote error={notices.error} />;
  if (!mail) {
    return (
      <Loading>
        <Skeleton height="12rem" />
      </Loading>
    );
  }
  return <Choices mail={mail} />;
}

function Choices({ mail }: { mail: Mail }) {
  const me = useMe().data;
  const [busy, setBusy] = useState(false);
  const save = async (changes: Partial<Changes>): Promise<void> => {
    setBusy(true);
    try {
      await changeMails({ ...changes, language: language.value });
      toast(t("saved"));
    } catch (error) {
      toastProblem(error);
    }
    setBusy(false);
  };
  const there: Record<string, boolean> = { rewards: !!me?.program.rewards, worklist: me?.role === "manager" };
  return (
    <div class={css.stack}>
      {mail.available ? null : <Note icon="mail">{t("mails_off")}</Note>}
      {mail.refused ? (
        <Note icon="alert">
          <p>{t(`refused_${mail.refused}`)}</p>
          <div>
            <Button size="small" busy={busy} onClick={() => void save({ mail_again: true })}>
              {t("mail_again")}
            </Button>
          </div>
        </Note>
      ) : null}
      <div class={css.mails}>
      {KINDS.filter((kind) => there[kind] ?? true).map((kind) => (
        <Select
          key={kind}
          label={t(`kind_${kind}`)}
          name={kind}
          value={mail.kinds[kind] ?? "never"}
          onChange={(event) => void save({ kinds: { [kind]: event.currentTarget.value } as never })}
        >
          {OFTEN.map((each) => (
            <option key={each} value={each} selected={each === mail.kinds[kind]}>
              {t(each)}
            </option>
          ))}
        </Select>
      ))}
      <Select
        label={t("hour")}
        name="hour"
        value={String(mail.hour)}
        onChange={(event) => void save({ hour: Number(event.currentTarget.value) })}
      >
        {Array.from({ length: 24 }, (_, hour) => (
          <option key={hour} value={hour} selected={hour === mail.hour}>
            {name(MONDAY + hour * HOUR, { timeStyle: "short" })}
          </option>
        ))}
      </Select>
      {Object.values(mail.kinds).includes("weekly") ? (
        <Select
          label={t("weekday")}
          name="weekday"
          value={String(mail.weekday)}
          onChange={(event) => void save({ weekday: Number(event.currentTarget.value) })}
        >
          {Array.from({ length: 7 }, (_, day) => (
            <option key={day} value={day} selected={day === mail.weekday}>
              {name(MONDAY + day * 24 * HOUR, { weekday: "long" })}
            </option>
          ))}
        </Select>
      ) : null}
      </div>
    </div>
  );
}
