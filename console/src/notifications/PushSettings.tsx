/** Notifications on this device, and the member's other devices. */
import { useQuery } from "@tanstack/preact-query";
import { useEffect, useState } from "preact/hooks";
import { Button } from "../foundation/ui/buttons";
import { ErrorNote, Loading, Note, Skeleton } from "../foundation/ui/parts";
import { toast } from "../foundation/ui/toasts";
import { toastProblem } from "../foundation/ui/toast_problem";
import { language } from "../foundation/words";
import css from "./notifications.module.css";
import { type Ability, ability, NotSubscribed, PUSH, type PushView, readPush, settle, switchOff, switchOn } from "./push";
import { t } from "./words.notices";

export default function PushSettings() {
  const push = useQuery({ queryKey: PUSH, queryFn: readPush });
  return (
    <section id="push" class={css.section}>
      <h2>{t("push")}</h2>
      <p class={css.text}>{t("push_text")}</p>
      {push.error && !push.data ? <ErrorNote error={push.error} /> : null}
      {push.isPending ? (
        <Loading>
          <Skeleton height="3rem" />
        </Loading>
      ) : null}
      {push.data ? <Devices view={push.data} /> : null}
    </section>
  );
}

function Devices({ view }: { view: PushView }) {
  const [can, setCan] = useState<Ability>(ability);
  const [here, setHere] = useState<string>();
  const [busy, setBusy] = useState(false);
  const spoken = language.value;
  useEffect(() => {
    let left = false;
    const look = (): void => {
      setCan(ability());
      settle(view).then(
        (id) => left || setHere(id),
        () => {}, // said when something is pressed
      );
    };
    look();
    // A permission that is given or taken back in the browser's settings, while this is open.
    let status: PermissionStatus | undefined;
    navigator.permissions
      ?.query({ name: "notifications" })
      .then((found) => {
        if (left) return;
        status = found;
        found.onchange = look;
      })
      .catch(() => {});
    return () => {
      left = true;
      if (status) status.onchange = null;
    };
  }, [spoken]);

  const run = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    try {
      await work();
    } catch (error) {
      if (error instanceof NotSubscribed && error.why === "unreached") toast(t("push_unreached"));
      else if (!(error instanceof NotSubscribed)) toastProblem(error);
    }
    setCan(ability());
    setBusy(false);
  };
  const on = (): Promise<void> =>
    run(async () => {
      await switchOn(view.public_key);
      setHere(await settle(view));
      toast(t("push_is_on"));
    });
  const off = (id: string): Promise<void> =>
    run(async () => {
      await switchOff(id);
      if (id === here) setHere(undefined);
    });

  const isOn = here !== undefined && view.devices.some((each) => each.device_id === here);
  const others = view.devices.filter((each) => each.device_id !== here);
  return (
    <div class={css.stack}>
      {can === "able" ? (
        isOn ? (
          <Device name={t("push_here")} busy={busy} onOff={() => void off(here)} />
        ) : (
          <div>
            <Button kind="primary" icon="inbox" busy={busy} onClick={() => void on()}>
              {t("push_on")}
            </Button>
          </div>
        )
      ) : (
        <Note icon={can === "blocked" ? "lock" : "inbox"}>{t(`push_${can}`)}</Note>
      )}
      {others.length > 0 ? (
        <>
          <h3 class={css.others}>{t("push_others")}</h3>
          {others.map((each) => (
            <Device key={each.device_id} name={each.label} busy={busy} onOff={() => void off(each.device_id)} />
          ))}
        </>
      ) : null}
    </div>
  );
}

function Device({ name, busy, onOff }: { name: string; busy: boolean; onOff: () => void }) {
  return (
    <div class={css.device}>
      <bdi>{name}</bdi>
      <Button size="small" busy={busy} aria-label={t("push_off_at", { name })} onClick={onOff}>
        {t("push_off")}
      </Button>
    </div>
  );
}
