/** A copy of somebody's data: asked for, made aside, and fetched for an hour. */
import { useState } from "preact/hooks";
import { queryClient } from "../foundation/api/queries";
import { dateTime } from "../foundation/time";
import { Button, LinkButton } from "../foundation/ui/buttons";
import { ErrorNote } from "../foundation/ui/parts";
import { type Export, useAsked } from "./asked";
import { t } from "./words";

const HOUR_MS = 3_600_000;

type CopyProps = { of: string; read: () => Promise<Export>; ask: () => Promise<Export> };

export function Copy({ of, read, ask }: CopyProps) {
  const { data, error } = useAsked("export", of, read);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const begin = async (): Promise<void> => {
    setBusy(true);
    setFailure(undefined);
    try {
      queryClient.setQueryData(["export", of], await ask());
    } catch (problem) {
      setFailure(problem);
    }
    setBusy(false);
  };
  const problem = failure ?? error;
  return (
    <>
      <p role="status">
        {data?.status === "making" ? t("export_making") : null}
        {data?.status === "failed" ? t("export_failed") : null}
        {data?.url && data.ready_at ? t("export_ready", { when: dateTime(new Date(Date.parse(data.ready_at) + HOUR_MS).toISOString()) }) : null}
      </p>
      {problem ? <ErrorNote error={problem} /> : null}
      <div>
        {data?.url ? (
          <LinkButton href={data.url} download icon="copy">
            {t("download")}
          </LinkButton>
        ) : (
          <Button busy={busy || data?.status === "making"} onClick={() => void begin()}>
            {t("export_ask")}
          </Button>
        )}
      </div>
    </>
  );
}
