/** A manager answers a member's request: a copy of their data, or their erasure. */
import { useState } from "preact/hooks";
import { answer, api } from "../foundation/api/client";
import { queryClient } from "../foundation/api/queries";
import { dateTime } from "../foundation/time";
import { Button } from "../foundation/ui/buttons";
import { Dialog } from "../foundation/ui/Dialog";
import { TextField } from "../foundation/ui/fields";
import { ErrorNote, ErrorState, Loading, Note, Skeleton } from "../foundation/ui/parts";
import { useRequest } from "../foundation/ui/request";
import { MEMBERS, type MemberView } from "../programs/member_queries";
import { useAsked } from "./asked";
import css from "./asked.module.css";
import { Copy } from "./Copy";
import { t as copy } from "./words";
import { t } from "./words.data";

export default function DataDialog({ member, onClose }: { member: MemberView; onClose: () => void }) {
  const { member_id: id, name } = member;
  const at = { params: { path: { member_id: id } } };
  const erasure = useAsked("erasure", id, () => answer(api.GET("/members/{member_id}/erasure", at)));
  return (
    <Dialog title={t("title", { name })} open onClose={onClose} foot={<Button onClick={onClose}>{t("close")}</Button>}>
      {erasure.isPending ? (
        <Loading>
          <Skeleton height="8rem" />
        </Loading>
      ) : null}
      {erasure.error ? <ErrorState error={erasure.error} onRetry={() => void erasure.refetch()} /> : null}
      {erasure.data ? (
        <div role="status">
          <Note tone={erasure.data.erased_at ? "good" : "plain"}>
            <p>{t(`erasure_${erasure.data.status}`, { when: dateTime(erasure.data.erased_at ?? erasure.data.asked_at) })}</p>
          </Note>
        </div>
      ) : null}
      {erasure.data === null ? (
        <>
          <section class={css.part}>
            <h3>{copy("export")}</h3>
            <p>{t("copy_text")}</p>
            <Copy
              of={id}
              read={() => answer(api.GET("/members/{member_id}/export", at))}
              ask={() => answer(api.POST("/members/{member_id}/export", at))}
            />
          </section>
          <Erase member={member} />
        </>
      ) : null}
    </Dialog>
  );
}

function Erase({ member }: { member: MemberView }) {
  const { member_id: id, name, email } = member;
  const [asking, setAsking] = useState(false);
  const [typed, setTyped] = useState("");
  const [tried, setTried] = useState(false);
  const { busy, error, run } = useRequest();
  const same = typed.trim().toLowerCase() === email.toLowerCase();
  const erase = async (): Promise<void> => {
    setTried(true);
    if (!same) return;
    await run(async () => {
      const begun = await answer(api.POST("/members/{member_id}/erasure", { params: { path: { member_id: id } } }));
      void queryClient.invalidateQueries({ queryKey: MEMBERS });
      queryClient.setQueryData(["erasure", id], begun);
    });
  };
  return (
    <section class={css.part}>
      <h3>{t("erase")}</h3>
      <p>{t("erase_text", { name })}</p>
      {asking ? (
        <form
          class={css.form}
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            void erase();
          }}
        >
          <TextField
            label={t("erase_confirm", { email })}
            type="email"
            dir="ltr"
            autocomplete="off"
            autofocus
            value={typed}
            error={tried && !same ? t("erase_differs") : undefined}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
          {error ? <ErrorNote error={error} /> : null}
          <div class={css.buttons}>
            <Button onClick={() => setAsking(false)}>{t("cancel")}</Button>
            <Button kind="danger" type="submit" busy={busy}>
              {t("erase_now")}
            </Button>
          </div>
        </form>
      ) : (
        <div>
          <Button kind="danger" onClick={() => setAsking(true)}>
            {t("erase")}
          </Button>
        </div>
      )}
    </section>
  );
}
