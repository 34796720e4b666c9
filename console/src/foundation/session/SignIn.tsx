import { useLocation } from "preact-iso";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { config } from "../config";
import { later } from "../later";
import { Brand } from "../shell/Brand";
import { t as common } from "../t";
import { Button, LinkButton } from "../ui/buttons";
import { PasswordField, TextField } from "../ui/fields";
import { ErrorNote, Note } from "../ui/parts";
import { chooseLanguage, LANGUAGES, language } from "../words";
import { t } from "../words.session";
import { ApiProblem, asProblem } from "../api/problems";
import { fieldProblemWords, problemWords } from "../problem_words";
import { type Question, type SignInAnswer, sessionRoutes } from "./routes";
import { lastEmail, signedIn } from "./session";
import css from "./session.module.css";

const OWN_NAMES = { en: "English", de: "Deutsch", es: "Español" };

export type Step = { name: "password"; changed?: boolean } | Question | { name: "forgot" } | { name: "reset" };

export const nameOf = (step: Step) => ("name" in step ? step.name : step.status);

/** What a step is called, and what it is about. */
export function titlesOf(step: Step, email: string): readonly [string, string] {
  return ({
    password: [t("sign_in_title"), t("sign_in_text")],
    new_password_required: [t("first_password_title"), t("first_password_text")],
    mfa_required: [t("code_title"), t("code_text")],
    mfa_setup_required: [t("setup_title"), t("setup_text")],
    forgot: [t("forgot_title"), t("forgot_text")],
    reset: [t("reset_title"), t("reset_text", { email: email || "…" })],
  } as const)[nameOf(step)];
}

// With the QR code's making.
const SetupStep = later(() => import("./SetupStep"));

/** Tried out: Chromium calls cookies enabled also where its settings block those of every page. */
function cookiesAreKept(): boolean {
  const probe = "greenroom-probe=1; Path=/; SameSite=Strict";
  document.cookie = probe;
  const kept = document.cookie.includes("greenroom-probe=1");
  document.cookie = `${probe}; Max-Age=0`;
  return kept;
}

/** The ways in: with a password, with the first one, and when it is forgotten. */
export default function SignIn() {
  const { path, route } = useLocation();
  const [step, setStep] = useState<Step>(path === "/forgot" ? { name: "forgot" } : { name: "password" });
  const [email, setEmail] = useState(lastEmail.peek());
  const name = nameOf(step);
  const heading = useRef<HTMLHeadingElement>(null);
  const first = useRef(true);

  const leave = (): void => {
    if (path === "/forgot") route("/", true);
  };
  // A layout effect: a late focus would take it from a field that is being typed into.
  useLayoutEffect(() => {
    document.title = `${t("sign_in")} · ${common("app_name")}`;
    if (first.current) first.current = false;
    else heading.current?.focus();
  }, [name]);

  const [title, text] = titlesOf(step, email);

  return (
    <div class={css.page}>
      <header class={css.stage}>
        <Brand inverse />
        <Curtain />
        <p class={css.claim}>{t("sign_in_claim")}</p>
      </header>
      <main class={css.formSide}>
        <div class={css.form}>
          <div class={css.head}>
            <h1 ref={heading} tabIndex={-1}>
              {title}
            </h1>
            <p>{text}</p>
          </div>
          <Steps step={step} onStep={setStep} email={email} onEmail={setEmail} onDone={leave} />
          <div class={css.languages}>
            {LANGUAGES.map((each) => (
              <Button
                key={each}
                kind="quiet"
                size="small"
                lang={each}
                aria-pressed={language.value === each}
                onClick={() => void chooseLanguage(each)}
              >
                {OWN_NAMES[each]}
              </Button>
            ))}
          </div>
        </div>
      </main>
    </div>
  );
}

function Curtain() {
  return (
    <svg class={css.curtain} viewBox="0 0 320 260" aria-hidden="true" focusable="false">
      <ellipse cx="160" cy="238" rx="150" ry="14" fill="#052a1c" />
      <rect x="96" y="18" width="128" height="212" rx="20" fill="#0c5a3c" stroke="#9fe3c3" stroke-width="3" />
      <rect x="106" y="30" width="108" height="188" rx="12" fill="#0f7a50" />
      <path d="M106 160c30-26 52 14 108-18v64a12 12 0 0 1-12 12h-84a12 12 0 0 1-12-12z" fill="#ffd27a" opacity=".85" />
      <path d="M146 92v44a4 4 0 0 0 6 3.4l37-22a4 4 0 0 0 0-6.9l-37-22a4 4 0 0 0-6 3.5z" fill="#fff" />
      <g fill="none" stroke="#9fe3c3" stroke-width="3" stroke-linecap="round">
        <path d="M34 60c16 10 26 26 28 46M286 60c-16 10-26 26-28 46" opacity=".5" />
        <path d="M18 40c26 14 44 38 48 70M302 40c-26 14-44 38-48 70" opacity=".25" />
      </g>
      <circle cx="226" cy="44" r="17" fill="#ffd27a" />
      <path d="M218.5 44.5l5 5 10-10.5" fill="none" stroke="#073a27" stroke-width="3.5" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}

export function useForm() {
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const [missing, setMissing] = useState<Record<string, string>>({});
  const form = useRef<HTMLFormElement>(null);

  const submit = (required: Record<string, string>, act: (data: FormData) => Promise<void>) => async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const lacking = Object.fromEntries(
      Object.entries(required).filter(([name]) => !String(data.get(name) ?? "").trim()),
    );
    setMissing(lacking);
    const [firstName] = Object.keys(lacking);
    if (firstName) {
      form.current?.querySelector<HTMLElement>(`[name="${firstName}"]`)?.focus();
      return;
    }
    setBusy(true);
    setError(undefined);
    try {
      await act(data);
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return { form, error, busy, missing, submit };
}

type StepsProps = {
  step: Step;
  onStep: (step: Step) => void;
  email: string;
  onEmail: (email: string) => void;
  /** Above what somebody was doing when their session ended: it is theirs, and stays on the screen. */
  again?: boolean;
  onDone?: () => void;
};

/** The ways in, one step at a time. */
export function Steps({ step, onStep, again = false, onDone, ...who }: StepsProps) {
  const { email } = who;
  const fixed = again && Boolean(lastEmail.peek());
  const onBack = (): void => onStep({ name: "password" });
  const name = nameOf(step);
  if ("status" in step) {
    const asked = { email, challenge: step.challenge, onBack };
    if (step.status === "new_password_required") return <FirstPasswordStep {...asked} onQuestion={onStep} />;
    if (step.status === "mfa_required") return <CodeStep {...asked} />;
    return (
      <>
        <SetupStep email={email} authenticator={step} />
        <Button kind="quiet" onClick={onBack}>
          {t("back_to_sign_in")}
        </Button>
      </>
    );
  }
  if (name === "forgot") return <ForgotStep {...who} fixedEmail={fixed} onSent={() => onStep({ name: "reset" })} onBack={onBack} />;
  if (name === "reset") return <ResetStep email={email} onDone={() => onStep({ name: "password", changed: true })} onBack={onBack} />;
  return (
    <PasswordStep
      {...who}
      again={again}
      fixedEmail={fixed}
      changed={"changed" in step}
      onQuestion={onStep}
      onForgot={() => onStep({ name: "forgot" })}
      {...(onDone ? { onDone } : {})}
    />
  );
}

function takeAnswer(answered: SignInAnswer, onQuestion: (question: Question) => void): void {
  if (answered.status === "signed_in") signedIn(answered);
  else if (answered.challenge) onQuestion(answered);
  else throw new ApiProblem("unreadable_answer", 200, "");
}

export function Shell({ children, ...rest }: { children: ComponentChildren; onSubmit: (event: Event) => void; formRef: preact.Ref<HTMLFormElement> }) {
  return (
    <form class={css.fields} ref={rest.formRef} onSubmit={rest.onSubmit} noValidate>
      {children}
    </form>
  );
}

/** Problems that only another input mends: a reference would help nobody. */
const REFUSALS = ["sign_in_refused", "password_too_weak", "code_refused", "reset_refused", "too_many_attempts"];

function Refused({ error }: { error: unknown }) {
  if (!REFUSALS.includes(asProblem(error).code)) return <ErrorNote error={error} />;
  return (
    <Note tone="bad" alert>
      {problemWords(error)}
    </Note>
  );
}

/** Every rule that a new password breaks. */
function flaws(error: unknown): string | undefined {
  if (!error) return undefined;
  const broken = asProblem(error).fields.filter(({ field }) => field === "new_password");
  return (
    broken
      .map((each) => (each.code === "too_short" ? t("password_too_short", { limit: Number(each.limit) }) : fieldProblemWords(each)))
      .join(" ") || undefined
  );
}

type AddressProps = { email: string; onEmail: (email: string) => void; fixedEmail: boolean };
type PasswordProps = AddressProps & {
  onQuestion: (question: Question) => void;
  onForgot: () => void;
  onDone?: () => void;
  changed: boolean;
  again: boolean;
};

function PasswordStep({ email, onEmail, onQuestion, onForgot, onDone, changed, fixedEmail, again }: PasswordProps) {
  const { form, error, busy, missing, submit } = useForm();
  const [issuer, setIssuer] = useState<{ authority: string; client_id: string } | null>();
  const [unreachable, setUnreachable] = useState<unknown>();
  useEffect(() => {
    void config().then((each) => setIssuer(each.issuer ?? null));
  }, []);

  if (issuer) {
    const leave = async (): Promise<void> => (await import("./foreign")).leaveToSignIn(issuer);
    // A new tab, which hands its token to this one: to leave the page would lose what is on it.
    return again ? (
      <LinkButton kind="primary" wide href="/" target="_blank">
        {t("sign_in_elsewhere")}
      </LinkButton>
    ) : (
      <>
        {unreachable ? <ErrorNote error={unreachable} /> : null}
        <Button kind="primary" wide onClick={() => void leave().catch(setUnreachable)}>
          {t("sign_in_elsewhere")}
        </Button>
      </>
    );
  }

  const signIn = submit({ email: t("enter_email"), password: t("enter_password") }, async (data) => {
    const address = String(data.get("email")).trim();
    takeAnswer(await sessionRoutes.signIn(address, String(data.get("password"))), onQuestion);
    onDone?.();
  });
  return (
    <Shell onSubmit={(event) => void signIn(event)} formRef={form}>
      {changed ? (
        <Note tone="good" icon="check" alert>
          {t("password_changed")}
        </Note>
      ) : null}
      {cookiesAreKept() ? null : <Note tone="warning">{t("cookies_blocked")}</Note>}
      {error ? <Refused error={error} /> : null}
      <TextField
        label={t("email")}
        name="email"
        type="email"
        autocomplete="username"
        inputmode="email"
        autocapitalize="none"
        spellcheck={false}
        value={email}
        readOnly={fixedEmail}
        onInput={(event) => onEmail(event.currentTarget.value)}
        error={missing.email}
      />
      <PasswordField label={t("password")} name="password" autocomplete="current-password" error={missing.password} />
      <Button kind="primary" type="submit" wide busy={busy}>
        {t("sign_in")}
      </Button>
      <div class={css.aside}>
        <Button kind="quiet" onClick={onForgot}>
          {t("forgot_password")}
        </Button>
      </div>
    </Shell>
  );
}

type QuestionProps = { email: string; challenge: string; onBack: () => void };

function FirstPasswordStep({ email, challenge, onQuestion, onBack }: QuestionProps & { onQuestion: (question: Question) => void }) {
  const { form, error, busy, missing, submit } = useForm();
  const save = submit({ new_password: t("enter_password") }, async (data) => {
    takeAnswer(await sessionRoutes.choosePassword(email, String(data.get("new_password")), challenge), onQuestion);
  });
  return (
    <Shell onSubmit={(event) => void save(event)} formRef={form}>
      {error ? <Refused error={error} /> : null}
      <input type="email" name="email" value={email} autocomplete="username" readOnly hidden />
      <PasswordField label={t("new_password")} hint={t("new_password_hint")} name="new_password" autocomplete="new-password" error={missing.new_password ?? flaws(error)} />
      <Button kind="primary" type="submit" wide busy={busy}>
        {t("save_and_sign_in")}
      </Button>
      <Button kind="quiet" onClick={onBack}>
        {t("back_to_sign_in")}
      </Button>
    </Shell>
  );
}

/** The code of an authenticator that is set up. */
function CodeStep({ email, challenge, onBack }: QuestionProps) {
  const { form, error, busy, missing, submit } = useForm();
  const give = submit({ code: t("enter_app_code") }, async (data) => {
    takeAnswer(await sessionRoutes.giveCode(email, String(data.get("code")).replace(/\s/g, ""), challenge), onBack);
  });
  return (
    <Shell onSubmit={(event) => void give(event)} formRef={form}>
      {error ? <Refused error={error} /> : null}
      <TextField label={t("app_code")} name="code" autocomplete="one-time-code" inputmode="numeric" error={missing.code} />
      <Button kind="primary" type="submit" wide busy={busy}>
        {t("sign_in")}
      </Button>
      <Button kind="quiet" onClick={onBack}>
        {t("back_to_sign_in")}
      </Button>
    </Shell>
  );
}

function ForgotStep({ email, onEmail, fixedEmail, onSent, onBack }: AddressProps & { onSent: () => void; onBack: () => void }) {
  const { form, error, busy, missing, submit } = useForm();
  const send = submit({ email: t("enter_email") }, async (data) => {
    await sessionRoutes.forgot(String(data.get("email")).trim());
    onSent();
  });
  return (
    <Shell onSubmit={(event) => void send(event)} formRef={form}>
      {error ? <Refused error={error} /> : null}
      <TextField
        label={t("email")}
        name="email"
        type="email"
        autocomplete="username"
        inputmode="email"
        value={email}
        readOnly={fixedEmail}
        onInput={(event) => onEmail(event.currentTarget.value)}
        error={missing.email}
      />
      <Button kind="primary" type="submit" wide busy={busy}>
        {t("send_code")}
      </Button>
      <Button kind="quiet" onClick={onSent} disabled={!email}>
        {t("have_code")}
      </Button>
      <Button kind="quiet" onClick={onBack}>
        {t("back_to_sign_in")}
      </Button>
    </Shell>
  );
}

function ResetStep({ email, onDone, onBack }: { email: string; onDone: () => void; onBack: () => void }) {
  const { form, error, busy, missing, submit } = useForm();
  const reset = submit({ code: t("enter_code"), new_password: t("enter_password") }, async (data) => {
    await sessionRoutes.reset(email, String(data.get("code")).trim(), String(data.get("new_password")));
    onDone();
  });
  return (
    <Shell onSubmit={(event) => void reset(event)} formRef={form}>
      {error ? <Refused error={error} /> : null}
      <TextField label={t("code")} name="code" autocomplete="one-time-code" inputmode="numeric" error={missing.code} />
      <PasswordField label={t("new_password")} hint={t("new_password_hint")} name="new_password" autocomplete="new-password" error={missing.new_password ?? flaws(error)} />
      <Button kind="primary" type="submit" wide busy={busy}>
        {t("set_password")}
      </Button>
      <Button kind="quiet" onClick={onBack}>
        {t("back_to_sign_in")}
      </Button>
    </Shell>
  );
}

