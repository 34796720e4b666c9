import { useState } from "preact/hooks";
import { t as common } from "../t";
import { Button } from "../ui/buttons";
import { Dialog } from "../ui/Dialog";
import { t } from "../words.session";
import { lastEmail, signOut } from "./session";
import { CodeStep, PasswordStep } from "./SignIn";

/** Above whatever somebody was doing when their session ended; below it everything stays. */
export default function SignInAgain() {
  const [email, setEmail] = useState(lastEmail.peek());
  const [challenge, setChallenge] = useState("");
  return (
    <Dialog
      title={t("session_ended_title")}
      open
      firm
      onClose={() => undefined}
      foot={
        <Button kind="quiet" onClick={() => void signOut().catch(() => location.reload())}>
          {common("sign_out")}
        </Button>
      }
    >
      <p>{t("session_ended_text")}</p>
      {challenge ? (
        <CodeStep email={email} challenge={challenge} onBack={() => setChallenge("")} />
      ) : (
        <PasswordStep
          email={email}
          onEmail={setEmail}
          fixedEmail={Boolean(lastEmail.peek())}
          onQuestion={(question) => (question.status === "mfa_required" ? setChallenge(question.challenge) : location.reload())}
        />
      )}
    </Dialog>
  );
}
