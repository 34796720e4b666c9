import { useState } from "preact/hooks";
import { answer, api } from "../foundation/api/client";
import { asProblem } from "../foundation/api/problems";
import { Button } from "../foundation/ui/buttons";
import { Confirm } from "../foundation/ui/Dialog";
import { ErrorNote, ErrorState, Loading, PageHead, Skeleton } from "../foundation/ui/parts";
import { useRequest } from "../foundation/ui/request";
import { type Me, useMe } from "../me/queries";
import { Copy } from "./Copy";
import { Invitations } from "./Invitations";
import css from "./privacy.module.css";
import { askErasure, leaveProgram, useInvitations } from "./queries";
import { t } from "./words";

export default function PrivacyScreen() {
  const me = useMe();
  return (
    <div class={css.page}>
      <PageHead title={t("title")} />
      {me.isPending ? (
        <Loading>
          <Skeleton height="12rem" />
        </Loading>
      ) : null}
      {me.error && !me.data ? <ErrorState error={me.error} onRetry={() => void me.refetch()} /> : null}
      {me.data ? (
        <>
          <Others me={me.data} />
          <section id="export" class={css.section}>
            <h2>{t("export")}</h2>
            <p class={css.text}>{t("export_text")}</p>
            <Copy
              of="me"
              read={() => answer(api.GET("/me/export"))}
              ask={() => answer(api.POST("/me/export"))}
            />
          </section>
          <Parting
            id="leave"
            name={t("leave")}
            title={t("leave_title", { program: me.data.program.name })}
            text={t("leave_text", { program: me.data.program.name })}
            part={leaveProgram}
          />
          <Parting id="erase" name={t("erase")} title={t("erase_title")} text={t("erase_text")} part={askErasure} />
        </>
      ) : null}
    </div>
  );
}

function Others({ me }: { me: Me }) {
  const items = useInvitations().data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <section class={css.section}>
      <h2>{t("invitations")}</h2>
      <p class={css.text}>{t("invitations_text", { program: me.program.name })}</p>
      <Invitations items={items} joinable={false} />
    </section>
  );
}

type PartingProps = { id: string; name: string; title: string; text: string; part: () => Promise<void> };

/** What cannot be taken back: it is asked about once more, in the same words. */
function Parting({ id, name, title, text, part }: PartingProps) {
  const [asking, setAsking] = useState(false);
  const { busy, error, run } = useRequest();
  const confirm = (): Promise<void> =>
    run(() =>
      part().catch((problem: unknown) => {
        setAsking(false);
        throw problem;
      }),
    );
  return (
    <section id={id} class={css.section}>
      <h2>{name}</h2>
      <p class={css.text}>{text}</p>
      {error ? asProblem(error).code === "last_manager" ? <p role="alert">{t("leave_last")}</p> : <ErrorNote error={error} /> : null}
      <div>
        <Button kind="danger" onClick={() => setAsking(true)}>
          {name}
        </Button>
      </div>
      <Confirm
        title={title}
        confirm={name}
        dangerous
        open={asking}
        busy={busy}
        onClose={() => setAsking(false)}
        onConfirm={() => void confirm()}
      >
        <p>{text}</p>
      </Confirm>
    </section>
  );
}
