import { useRoute } from "preact-iso";
import { useEffect } from "preact/hooks";
import { LinkButton } from "../foundation/ui/buttons";
import { PageHead } from "../foundation/ui/parts";
import css from "./performances.module.css";
import { Progress } from "./Progress";
import { usePerformance } from "./queries";
import { t } from "./words";

/** One performance by itself: what is left to do with it on this phone. */
export default function PerformanceScreen() {
  const id = useRoute().params.id ?? "";
  const instructions = usePerformance(id).data?.instructions;
  useEffect(() => {
    document.title = `${(instructions ?? t("finish_title")).slice(0, 40)} · Greenroom`;
  }, [instructions]);
  return (
    <div class={css.alone}>
      <PageHead title={t("finish_title")}>{instructions ? <bdi>{instructions}</bdi> : null}</PageHead>
      <Progress performanceId={id} />
      <LinkButton kind="quiet" wide href="/history">
        {t("history_title")}
      </LinkButton>
    </div>
  );
}
