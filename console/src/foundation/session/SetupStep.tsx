import { useMemo } from "preact/hooks";
import { encode } from "uqr";
import { Button } from "../ui/buttons";
import { TextField } from "../ui/fields";
import { ErrorNote } from "../ui/parts";
import { t } from "../words.session";
import { type Authenticator, sessionRoutes } from "./routes";
import { Shell, useForm } from "./SignIn";
import { signedIn } from "./session";
import css from "./session.module.css";

/** The secret for an authenticator, and the form for its first code, which sets it up and signs in. */
export default function SetupStep({ email, authenticator, onDone }: { email: string; authenticator: Authenticator; onDone?: () => void }) {
  const { form, error, busy, missing, submit } = useForm();
  const confirm = submit({ code: t("enter_app_code") }, async (data) => {
    const code = String(data.get("code")).replace(/\s/g, "");
    const answered = await sessionRoutes.setUp(email, code, authenticator.challenge);
    if (answered.status === "signed_in") signedIn(answered);
    onDone?.();
  });
  return (
    <Shell onSubmit={(event) => void confirm(event)} formRef={form}>
      {error ? <ErrorNote error={error} /> : null}
      <p>{t("setup_scan")}</p>
      <QrCode text={authenticator.uri} />
      <a class={css.uri} href={authenticator.uri}>
        {t("setup_open")}
      </a>
      <TextField
        label={t("setup_secret")}
        value={authenticator.secret}
        readOnly
        spellcheck={false}
        onFocus={(event) => event.currentTarget.select()}
      />
      <TextField label={t("app_code")} name="code" autocomplete="one-time-code" inputmode="numeric" error={missing.code} />
      <Button kind="primary" type="submit" wide busy={busy}>
        {t("setup_done")}
      </Button>
    </Shell>
  );
}

/** Dark on light in either theme, with the quiet zone of four modules that readers look for. */
function QrCode({ text }: { text: string }) {
  const { size, path } = useMemo(() => {
    const code = encode(text, { ecc: "M", border: 4 });
    const dark = code.data.flatMap((row, y) => row.flatMap((filled, x) => (filled ? [`M${x} ${y}h1v1h-1z`] : [])));
    return { size: code.size, path: dark.join("") };
  }, [text]);
  return (
    <svg class={css.qr} viewBox={`0 0 ${size} ${size}`} role="img" aria-label={t("setup_qr")} shape-rendering="crispEdges">
      <path d={path} />
    </svg>
  );
}
