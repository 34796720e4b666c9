import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { t as common } from "../t";
import { Button } from "../ui/buttons";
import { Dialog } from "../ui/Dialog";
import { Note } from "../ui/parts";
import { t } from "../words.session";
import { lastEmail, signOut } from "./session";
import { nameOf, type Step, Steps, titlesOf } from "./SignIn";

/** Above whatever somebody was doing when their session ended; below it everything stays. */
export default function SignInAgain() {
  const [email, setEmail] = useState(lastEmail.peek());
  const [step, setStep] = useState<Step>({ name: "password" });
  const [leaving, setLeaving] = useState(false);
  const name = nameOf(step);
  const text = useRef<HTMLParagraphElement>(null);
  const first = useRef(true);
  // The button that was pressed is gone.
  useLayoutEffect(() => {
    if (first.current) first.current = false;
    else text.current?.closest("dialog")?.querySelector("h2")?.focus();
  }, [name]);
  const [title, about] = name === "password" ? [t("session_ended_title"), t("session_ended_text")] : titlesOf(step, email);
  return (
    <Dialog
      title={title}
      open
      firm
      onClose={() => undefined}
      foot={
        <>
          <Button kind="quiet" onClick={() => setLeaving(!leaving)}>
            {common(leaving ? "cancel" : "sign_out")}
          </Button>
          {leaving ? (
            <Button kind="danger" onClick={() => void signOut().catch(() => location.reload())}>
              {common("sign_out")}
            </Button>
          ) : null}
        </>
      }
    >
      <p ref={text}>{about}</p>
      <Steps step={step} onStep={setStep} email={email} onEmail={setEmail} again />
      {leaving ? (
        <Note tone="warning" alert>
          {t("sign_out_text")}
        </Note>
      ) : null}
    </Dialog>
  );
}
