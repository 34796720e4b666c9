import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { answer, api } from "../foundation/api/client";
import { queryClient } from "../foundation/api/queries";
import { config } from "../foundation/config";
import { later } from "../foundation/later";
import { fieldWords } from "../foundation/problem_words";
import { signOut } from "../foundation/session/session";
import { chooseTheme, THEMES, theme } from "../foundation/theme";
import { allZones, zoneName } from "../foundation/calendar";
import { browserZone, isSameZone, number, zone } from "../foundation/time";
import { Button, LinkButton } from "../foundation/ui/buttons";
import { Select, TextField } from "../foundation/ui/fields";
import { Avatar, ErrorNote, ErrorState, Loading, Note, PageHead, Skeleton } from "../foundation/ui/parts";
import { useRequest } from "../foundation/ui/request";
import { Segments } from "../foundation/ui/Segments";
import { toast } from "../foundation/ui/toasts";
import { toastProblem } from "../foundation/ui/toast_problem";
import { chooseLanguage, LANGUAGES, language, withWords } from "../foundation/words";
import { SocialAccounts } from "../tiktok/SocialAccounts";
import { ME, type Me, useMe } from "./queries";
import css from "./settings.module.css";
import { t } from "./words";

const Push = later(withWords(() => import("../notifications/PushSettings"), "notices"));
const Mails = later(withWords(() => import("../notifications/MailSettings"), "notices"));
const SecondStep = later(withWords(() => import("../foundation/session/SecondStep"), "session"));

const OWN_NAMES = { en: "English", de: "Deutsch", es: "Español" };

export default function SettingsScreen() {
  const me = useMe();
  const [ownSignIn, setOwnSignIn] = useState(false);
  useEffect(() => {
    void config().then((each) => setOwnSignIn(!each.issuer));
  }, []);
  // A link to a part of this page comes before the part is there.
  useEffect(() => {
    if (me.data && location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  }, [me.data !== undefined]);
  return (
    <div class={css.page}>
      <PageHead title={t("title")} />
      {me.isPending ? (
        <Loading>
          <Skeleton height="12rem" />
        </Loading>
      ) : null}
      {me.error && !me.data ? <ErrorState error={me.error} onRetry={() => void me.refetch()} /> : null}
      {me.data ? <Profile me={me.data} /> : null}
      <Section id="tiktok" title={t("accounts")}>
        <SocialAccounts />
      </Section>
      <Push />
      <Mails />
      <Section id="appearance" title={t("appearance")}>
        <div class={css.setting}>
          <span id="language-label">{t("language")}</span>
          <Segments
            label={t("language")}
            value={language.value}
            options={LANGUAGES.map((value) => ({ value, label: OWN_NAMES[value] }))}
            onChange={(value) => void chooseLanguage(value)}
          />
        </div>
        <div class={css.setting}>
          <span>{t("theme")}</span>
          <Segments
            label={t("theme")}
            value={theme.value}
            options={THEMES.map((value) => ({ value, label: t(`theme_${value}`) }))}
            onChange={chooseTheme}
          />
        </div>
      </Section>
      {ownSignIn ? (
        <Section id="second-step" title={t("second_step")}>
          <SecondStep />
        </Section>
      ) : null}
      <Section title={t("data")}>
        <p class={css.text}>{t("data_text")}</p>
        <div>
          <LinkButton href="/privacy" icon="lock">
            {t("data")}
          </LinkButton>
        </div>
      </Section>
      <SignOut />
    </div>
  );
}

function Section({ id, title, children }: { id?: string; title: string; children: ComponentChildren }) {
  return (
    <section {...(id ? { id } : {})} class={css.section}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

type Changes = Partial<Pick<Me, "name" | "time_zone" | "shown_as"> & { alias: string }>;
const SHOWN_AS = ["name", "alias", "hidden"] as const;

async function change(changes: Changes): Promise<void> {
  const me = await answer(api.PATCH("/me", { body: changes as never }));
  zone.value = me.time_zone;
  queryClient.setQueryData(ME, me);
  toast(t("saved"));
}

function Profile({ me }: { me: Me }) {
  const [name, setName] = useState(me.name);
  const [timeZone, setTimeZone] = useState(me.time_zone);
  const [shownAs, setShownAs] = useState(me.shown_as);
  const [alias, setAlias] = useState(me.alias ?? "");
  const { busy, error, run } = useRequest();
  const [missing, setMissing] = useState(false);
  const zones = useMemo(() => [...new Set([me.time_zone, ...allZones()])].sort(), [me.time_zone]);
  const changes: Changes = {
    ...(name.trim() !== me.name ? { name: name.trim() } : {}),
    ...(timeZone !== me.time_zone ? { time_zone: timeZone } : {}),
    ...(shownAs !== me.shown_as ? { shown_as: shownAs } : {}),
    ...(alias.trim() !== (me.alias ?? "") ? { alias: alias.trim() } : {}),
  };
  const changed = Object.keys(changes).length > 0;

  const save = (changes: Changes): Promise<void> => run(() => change(changes));
  const submit = (event: Event): void => {
    event.preventDefault();
    setMissing(!name.trim());
    if (!name.trim() || !changed) return;
    void save(changes);
  };
  const device = browserZone();
  return (
    <Section id="profile" title={t("profile")}>
      <div class={css.head}>
        <Avatar name={me.name} id={me.member_id} size="4rem" />
        <dl class={css.points}>
          {me.program.rewards ? (
            <div>
              <dt>{t("points_balance")}</dt>
              <dd>{number(me.points.balance)}</dd>
            </div>
          ) : null}
          <div>
            <dt>{t("points_earned")}</dt>
            <dd>{number(me.points.earned)}</dd>
          </div>
        </dl>
      </div>
      <form class={css.form} onSubmit={submit} noValidate>
        {error && !["name", "time_zone", "alias"].some((each) => fieldWords(error, each)) ? <ErrorNote error={error} /> : null}
        <TextField
          label={t("name")}
          hint={t("name_hint")}
          name="name"
          maxLength={100}
          autocomplete="name"
          dir="auto"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
          error={missing ? t("name_missing") : fieldWords(error, "name")}
        />
        <TextField label={t("email")} hint={t("email_hint")} value={me.email} readOnly />
        <Select
          label={t("zone")}
          hint={t("zone_hint")}
          name="time_zone"
          value={timeZone}
          onChange={(event) => setTimeZone(event.currentTarget.value)}
          error={fieldWords(error, "time_zone")}
        >
          {zones.map((each) => (
            <option key={each} value={each} selected={each === timeZone}>
              {each.replace(/_/g, " ")}
            </option>
          ))}
        </Select>
        {!isSameZone(device, me.time_zone) && zones.includes(device) ? (
          <Note icon="globe">
            <p>{t("zone_other", { zone: zoneName(device) })}</p>
            <div>
              <Button
                size="small"
                onClick={() => {
                  setTimeZone(device);
                  void save({ time_zone: device });
                }}
              >
                {t("zone_take", { zone: zoneName(device) })}
              </Button>
            </div>
          </Note>
        ) : null}
        {me.program.leaderboard ? (
          <>
            <Select
              label={t("board")}
              hint={me.program.names_on_leaderboard ? undefined : t("board_no_names")}
              name="shown_as"
              value={shownAs}
              onChange={(event) => setShownAs(event.currentTarget.value as Me["shown_as"])}
            >
              {SHOWN_AS.map((each) => (
                <option key={each} value={each} selected={each === shownAs}>
                  {t(each === "name" && !me.program.names_on_leaderboard ? "board_no_name" : `board_${each}`)}
                </option>
              ))}
            </Select>
            {shownAs === "alias" || alias ? (
              <TextField
                label={t("alias")}
                hint={t("alias_hint")}
                name="alias"
                maxLength={40}
                autocomplete="off"
                dir="auto"
                value={alias}
                onInput={(event) => setAlias(event.currentTarget.value)}
                error={fieldWords(error, "alias")}
              />
            ) : null}
          </>
        ) : null}
        <div>
          <Button kind="primary" type="submit" busy={busy} disabled={!changed}>
            {t("save")}
          </Button>
        </div>
      </form>
    </Section>
  );
}

function SignOut() {
  const [busy, setBusy] = useState<"here" | "everywhere">();
  const leave = async (everywhere: boolean): Promise<void> => {
    setBusy(everywhere ? "everywhere" : "here");
    try {
      // Best effort: a browser that is signed out takes no pushes, whatever the server knows.
      if (everywhere) await import("../notifications/push").then((it) => it.leaveEverywhere()).catch(() => {});
      await signOut(everywhere);
    } catch (error) {
      toastProblem(error);
      setBusy(undefined);
    }
  };
  return (
    <Section id="sign-out" title={t("sign_out_section")}>
      <p class={css.text}>{t("sign_out_text")}</p>
      <div>
        <Button icon="leave" busy={busy === "here"} onClick={() => void leave(false)}>
          {t("sign_out")}
        </Button>
      </div>
      <p class={css.text}>{t("everywhere_text")}</p>
      <div>
        <Button kind="quiet" busy={busy === "everywhere"} onClick={() => void leave(true)}>
          {t("everywhere")}
        </Button>
      </div>
    </Section>
  );
}
