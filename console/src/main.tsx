import "./foundation/tokens.css";
// Makes components follow the signals that they read, also those of files that know no components.
import "@preact/signals";
import { render } from "preact";
import { feedQuery } from "./activities/queries";
import { App } from "./app";
import { queryClient } from "./foundation/api/queries";
import { installShell } from "./foundation/install";
import { begin, onFirstToken, sessionState } from "./foundation/session/session";
import { applyTheme } from "./foundation/theme";
import { loadWords } from "./foundation/words";
import { meQuery } from "./me/queries";
import { SCREENS } from "./routes";

onFirstToken(() => {
  void queryClient.prefetchQuery(meQuery);
  const campaign = new URLSearchParams(location.search).get("campaign") || null;
  if (location.pathname === "/") void queryClient.prefetchInfiniteQuery(feedQuery(campaign));
});
applyTheme();
// The screen that is asked for comes along with the session instead of after it.
void SCREENS.find((screen) => screen.path === location.pathname && screen.audience === "member")
  ?.load()
  .catch(() => undefined);
addEventListener("online", () => {
  const back = sessionState.value === "offline" ? begin() : Promise.resolve();
  // Asked for by hand: a page that was opened offline counts as one that always was online.
  void back.then(() => queryClient.refetchQueries({ type: "active" }));
});

// Not awaited at the top level: the catalogues import from this file's chunk and would wait for it.
void loadWords("member")
  .catch(() => undefined)
  .then(() => {
    const root = document.getElementById("app");
    if (root) render(<App />, root);
    installShell();
  });
