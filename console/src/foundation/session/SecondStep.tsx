import { useState } from "preact/hooks";
import { asProblem } from "../api/problems";
import { later } from "../later";
import { Button } from "../ui/buttons";
import { ErrorNote, Note } from "../ui/parts";
import { t } from "../words.session";
import { type Authenticator, sessionRoutes } from "./routes";
import { lastEmail } from "./session";

const SetupStep = later(() => import("./SetupStep"));

/** Among the settings: sets up the person's authenticator, or says that there is one. */
export default function SecondStep() {
  const [authenticator, setAuthenticator] = useState<Authenticator>();
  const [there, setThere] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const begin = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      setAuthenticator(await sessionRoutes.beginAuthenticator());
    } catch (problem) {
      if (asProblem(problem).code === "authenticator_set_up") setThere(true);
      else setError(problem);
    } finally {
      setBusy(false);
    }
  };
  if (there) {
    return (
      <Note tone="good" icon="check" alert>
        {t("second_step_there")}
      </Note>
    );
  }
  if (authenticator) {
    return <SetupStep email={lastEmail.value} authenticator={authenticator} onDone={() => setThere(true)} />;
  }
  return (
    <>
      {error ? <ErrorNote error={error} /> : null}
      <p>{t("second_step_text")}</p>
      <div>
        <Button busy={busy} onClick={() => void begin()}>
          {t("second_step_begin")}
        </Button>
      </div>
    </>
  );
}
