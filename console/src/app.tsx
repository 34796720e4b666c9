import { QueryClientProvider } from "@tanstack/preact-query";
import { LocationProvider, Route, Router, useLocation } from "preact-iso";
import { Component, type ComponentChildren, type ComponentType } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { asProblem } from "./foundation/api/problems";
import { queryClient } from "./foundation/api/queries";
import "./foundation/back";
import { later } from "./foundation/later";
import { sessionState } from "./foundation/session/session";
import { Mark } from "./foundation/shell/Brand";
import type { End } from "./foundation/shell/DeadEnd";
import { focusHeading } from "./foundation/shell/focus";
import { Shell } from "./foundation/shell/Shell";
import css from "./foundation/shell/shell.module.css";
import { t } from "./foundation/t";
import { Button } from "./foundation/ui/buttons";
import { EmptyState } from "./foundation/ui/parts";
import { Toasts } from "./foundation/ui/toasts";
import { withWords } from "./foundation/words";
import { useMe } from "./me/queries";
import { SCREENS } from "./routes";

const SignIn = later(withWords(() => import("./foundation/session/SignIn"), "further", "session"));
const SignInAgain = later(withWords(() => import("./foundation/session/SignInAgain"), "further", "session"));
const Choose = later(withWords(() => import("./privacy/Choose"), "further", "mine"));
const DeadEnd = later<{ end: End }>(withWords(() => import("./foundation/shell/DeadEnd"), "further"));
const ForeignReturn = later(withWords(() => import("./foundation/session/ForeignReturn"), "further", "session"));

export function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <LocationProvider>
        <Failsafe>
          <Doors />
        </Failsafe>
        <Toasts />
      </LocationProvider>
    </QueryClientProvider>
  );
}

function Doors() {
  const { path } = useLocation();
  const state = sessionState.value;
  const before = useRef(state);
  useLayoutEffect(() => {
    if (before.current === "signed_out" && state === "signed_in") focusHeading();
    before.current = state;
  }, [state]);
  if (path === "/signed-in" && state !== "signed_in") return <ForeignReturn />;
  if (state === "starting") {
    return (
      <div class={css.splash} role="status">
        <Mark size={56} />
        <span class="visually-hidden">{t("loading")}</span>
      </div>
    );
  }
  if (state === "signed_out") return <SignIn />;
  return (
    <>
      <Shell>
        <Failsafe at={path}>
          <Screens />
        </Failsafe>
      </Shell>
      {state === "ended" ? <SignInAgain /> : null}
    </>
  );
}

/** A manager's screen for members is a word that it is not theirs, also once their role changes. */
function forManagers(Screen: ComponentType): ComponentType {
  return function ForManagers() {
    const me = useMe().data;
    return me && me.role !== "manager" ? <DeadEnd end="manager_only" /> : <Screen />;
  };
}

/** A screen of rewards is not there in a program without. */
function withRewards(Screen: ComponentType): ComponentType {
  return function WithRewards() {
    const me = useMe().data;
    return me && !me.program.rewards ? <NotFound /> : <Screen />;
  };
}

const GATED = SCREENS.map(({ path, audience, rewards, component }) => {
  const shown = rewards ? withRewards(component) : component;
  return { path, component: audience === "manager" ? forManagers(shown) : shown };
});

function Screens() {
  const me = useMe();
  const problem = me.error ? asProblem(me.error) : undefined;
  if (problem?.code === "choose_program") return <Choose />;
  if (problem && ["not_a_member", "member_removed"].includes(problem.code)) return <DeadEnd end="no_program" />;
  return (
    <Router onRouteChange={focusHeading}>
      {GATED.map(({ path, component }) => (
        <Route key={path} path={path} component={component} />
      ))}
      <Route default component={NotFound} />
    </Router>
  );
}

const NotFound = () => <DeadEnd end="not_found" />;

/** Errors that a screen throws end here and not in a white page; another screen can still be opened. */
class Failsafe extends Component<{ children: ComponentChildren; at?: string }, { error?: unknown }> {
  override state: { error?: unknown } = {};

  override componentDidUpdate(before: { at?: string }): void {
    if (this.state.error && before.at !== this.props.at) this.setState({ error: undefined });
  }

  override componentDidCatch(error: unknown): void {
    this.setState({ error });
  }

  override render() {
    if (!this.state.error) return this.props.children;
    return (
      <EmptyState
        whole
        icon="refresh"
        title={t("error_title")}
        actions={
          <Button kind="primary" onClick={() => location.reload()}>
            {t("reload")}
          </Button>
        }
      >
        {t("screen_failed")}
      </EmptyState>
    );
  }
}

