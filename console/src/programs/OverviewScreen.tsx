import { useQuery } from "@tanstack/preact-query";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { ActivityTable } from "../activities/ActivitiesScreen";
import { readDraft } from "../activities/draft";
import { isHeldBack } from "../activities/form";
import { useLifecycle } from "../activities/lifecycle";
import { useActivities } from "../activities/manager_queries";
import { answer, api } from "../foundation/api/client";
import { later } from "../foundation/later";
import { kept } from "../foundation/store";
import { Button, LinkButton } from "../foundation/ui/buttons";
import forms from "../foundation/ui/forms.module.css";
import { Icon } from "../foundation/ui/Icon";
import { ErrorState, Loading, PageHead, Skeleton } from "../foundation/ui/parts";
import { withWords } from "../foundation/words";
import { useMe } from "../me/queries";
import css from "./manage.module.css";
import { useMembers } from "./member_queries";
import { t } from "./words.manager";

const Worklist = later(withWords(() => import("../reports/Worklist"), "office"));
const OverviewReport = later(withWords(() => import("../reports/OverviewReport"), "office"));

const SHOWN = 5;
const PUT_AWAY = "first_minute_put_away";

export default function OverviewScreen() {
  const me = useMe().data;
  const activities = useActivities({ campaign: "", archived: false });
  const { items, dialog } = useLifecycle();
  const newest = activities.data?.pages[0]?.items ?? [];
  return (
    <>
      <PageHead
        title={me ? t("overview_of", { program: me.program.name }) : t("overview_title")}
        actions={
          <LinkButton kind="primary" icon="plus" href="/manage/activities/new">
            {t("new_activity")}
          </LinkButton>
        }
      >
        {t("overview_text")}
      </PageHead>
      <div class={css.overview}>
        <Worklist />
        <FirstMinute />
        {newest.length > 0 ? <OverviewReport /> : null}
        {activities.isPending ? (
          <Loading>
            <Skeleton height="12rem" />
          </Loading>
        ) : activities.error && newest.length === 0 ? (
          <ErrorState error={activities.error} onRetry={() => void activities.refetch()} />
        ) : newest.length > 0 ? (
          <section class={css.block}>
            <div class={css.blockHead}>
              <h2>{t("newest")}</h2>
              <LinkButton kind="quiet" size="small" href="/manage/activities">
                {t("all_activities")}
              </LinkButton>
            </div>
            <ActivityTable activities={newest.slice(0, SHOWN)} items={items} />
          </section>
        ) : null}
      </div>
      {dialog}
    </>
  );
}

type Step = { name: "connect" | "upload" | "try" | "invite" | "publish"; done: boolean; href: string };

/** From an empty program to a published video: five steps, ticked by what has really happened. */
function FirstMinute() {
  const me = useMe().data;
  const activities = useActivities({ campaign: "", archived: false });
  const members = useMembers({ text: "" });
  const history = useQuery({
    queryKey: ["performances", "tries"],
    queryFn: () => answer(api.GET("/performances", { params: { query: { limit: 20 } } })),
    refetchOnWindowFocus: true,
  });
  const [putAway, setPutAway] = useState(kept.read<boolean>(PUT_AWAY) ?? false);
  if (putAway || !me || !activities.data || !members.data || !history.data) return null;

  const all = activities.data.pages.flatMap((page) => page.items);
  const passed = all.filter((each) => each.status !== "rejected");
  const [newest] = all;
  const people = members.data.pages.flatMap((page) => page.items);
  const isDraftSent = readDraft("draft.activity")?.upload?.uploadId !== undefined;
  const steps: Step[] = [
    { name: "connect", done: me.tiktok_account?.status === "connected", href: "/settings#tiktok" },
    { name: "upload", done: passed.length > 0 || isDraftSent, href: "/manage/activities/new" },
    {
      name: "try",
      done: history.data.items.some((each) => each.try),
      href: newest ? `/manage/activities/${newest.activity_id}` : "/manage/activities/new",
    },
    { name: "invite", done: people.length > 1, href: "/manage/members?invite" },
    {
      name: "publish",
      done: passed.some((each) => !isHeldBack(each)),
      href: newest && isHeldBack(newest) ? `/manage/activities/${newest.activity_id}` : "/manage/activities/new",
    },
  ];
  const done = steps.filter((each) => each.done).length;
  const next = steps.find((each) => !each.done);
  const hide = (): void => {
    kept.write(PUT_AWAY, true);
    setPutAway(true);
  };
  return (
    <section class={css.block} aria-labelledby="first-minute">
      <div class={css.blockHead}>
        <h2 id="first-minute">{next ? t("first_minute") : t("first_minute_done")}</h2>
        {next ? (
          <span class={forms.muted} role="status">
            {t("steps_done", { done: String(done), count: steps.length })}
          </span>
        ) : (
          <Button size="small" kind="quiet" onClick={hide}>
            {t("put_away")}
          </Button>
        )}
      </div>
      <ol class={css.steps}>
        {steps.map((step, index) => (
          <StepRow key={step.name} step={step} number={index + 1} isNext={step === next} />
        ))}
      </ol>
    </section>
  );
}

function StepRow({ step, number, isNext }: { step: Step; number: number; isNext: boolean }) {
  const { name, done, href } = step;
  const mark: ComponentChildren = done ? <Icon name="check" size={16} /> : number;
  return (
    <li class={[css.step, done && css.done, isNext && css.next].filter(Boolean).join(" ")} aria-current={isNext ? "step" : undefined}>
      <span class={css.tick} aria-hidden="true">
        {mark}
      </span>
      <span class={css.what}>
        <strong>
          {t(`step_${name}`)}
          {done ? <span class="visually-hidden"> ({t("step_done")})</span> : null}
        </strong>
        <span>{t(`step_${name}_text`)}</span>
      </span>
      {done ? null : (
        <LinkButton kind={isNext ? "primary" : "secondary"} size="small" href={href}>
          {t(`step_${name}_act`)}
        </LinkButton>
      )}
    </li>
  );
}
