import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vitest/config";
import { modulesOfFiles } from "./build/modules.ts";
import { secondScript } from "./build/second_script.ts";
import { serviceWorker } from "./build/service_worker.ts";
import { withoutMutations } from "./build/without_mutations.ts";
import { withoutNode } from "./build/without_node.ts";

/**
 * Where the dev server finds the API: the running local stack, as `make run` wrote it down.
 * Only `npm run dev` reads this; a built console knows no address but its own origin.
 */
function apiOfLocalStack(): string | undefined {
  try {
    const file = fileURLToPath(new URL("../.local/stack.json", import.meta.url));
    return (JSON.parse(readFileSync(file, "utf-8")) as { api_url: string }).api_url;
  } catch {
    return undefined;
  }
}

/** `/config.json` is written at deployment; the dev server answers what the local front would. */
function devConfig(): Plugin {
  return {
    name: "greenroom:config",
    apply: "serve",
    configureServer(server) {
      server.middlewares.use("/config.json", (_request, response) => {
        response.setHeader("Content-Type", "application/json");
        response.end(JSON.stringify({ api_base: "/v1" }));
      });
    },
  };
}

const MEDIABUNNY =
  "/*! Holds parts of Mediabunny, under the MPL-2.0 (/licenses.md). Source: https://github.com/Vanilagy/mediabunny */";

/** What asks who is here and for the words, before the rest has come. */
const AT_ONCE =
  /\/src\/(boot|foundation\/(words|store|config|clock|session\/(session|routes)|api\/problems))\.ts$|\/signals-core\/|vite\/preload-helper|rolldown\/runtime/;

/** Modules of the first screen; the ways in, dialogs, other issuers, and catalogues come when needed. */
function everywhere(id: string): boolean {
  if (/\/activities\/feed\.module\.css/.test(id)) return true;
  if (/node_modules/.test(id)) return /\/node_modules\/(preact|preact-iso|@preact|@tanstack)\//.test(id);
  if (/\/src\/foundation\//.test(id)) {
    const later =
      /\/session\/(?!session\.ts|routes\.ts)|\/locales\/|\/words\.(\w\w|manager|commands|further\.\w\w)[.\w]*ts$|\/session\.module|\/ui\/(fields|forms|pages|data|[Dd]ialog|[Ss]egments)|\/api\/idempotency|\/calendar\.ts/;
    const ofManagers = /\/foundation\/(commands\/|(leave|leaving|wall_clock|merge|ui\/[cC]onflicts?(\.module)?|shell\/DeadEnd)\.(tsx?|css))/;
    return !later.test(id) && !ofManagers.test(id);
  }
  return /\/src\/(main|app|routes|me\/queries|points\/words|activities\/(queries|seen|pull|FeedScreen|FeedCard|Ends|Video|words))\.tsx?$/.test(id);
}

/**
 * The files that several screens share, beside the first one. Left to themselves, modules would become a file
 * for each way in which they are shared, some of a hundred bytes. A module that matches takes along
 * what it imports, unless that matches earlier: what members' screens need comes first.
 */
const SHARED = {
  changes: /\/api\/idempotency\.|\/rewards\/changed\./,
  controls: /\/ui\/(fields|segments)\.|\/foundation\/calendar\./i,
  sending: /\/performances\/(Progress|waiting|queries|CaptionToCopy|tiktok_app|polling|performances\.module|words\.ts)/,
  why: /\/performances\/FailureReason\./,
  disclosure: /\/performances\/Disclosure\./,
  dialog: /\/ui\/dialog\.|\/foundation\/leave\./i,
  rewards: /\/rewards\/(queries|RewardCard|rewards\.module)\./,
  tiktok: /\/tiktok\/(queries|leave|words|tiktok\.module)\.(ts|css)/,
  manage: /\/ui\/(data|pages|forms)\.|\/words\.manager\.ts|\/programs\/(manager_queries|member_queries|manage\.module)\.|\/rewards\/(manager_queries|switch)\./,
  conflicts: /\/foundation\/(merge|ui\/conflicts)\./,
  activities: /\/foundation\/wall_clock\.|\/activities\/(manager_queries|draft|editor\.module)\./,
  form: /\/activities\/(ActivityFields|CardPreview|NewActivityScreen|form|cuts\.|post_text|TryOnMe)|\/foundation\/leaving\.|\/src\/videos\/(?!words|repair|Repair)/,
  activity: /\/programs\/DisclosureSettings|\/activities\/(ActivityScreen|Cuts|DisclosureFields|ActivitiesScreen|Conflict|merge|Thumb|status|lifecycle)/,
  reports: /\/src\/(reports|audit)\/(?!words)/,
  handing: /\/rewards\/(?!words|RewardsScreen)/,
  privacy: /\/privacy\/(?!words|DataDialog)/,
  groups: /\/programs\/(Channel|Campaigns|ManageChannels|GroupList|NameDialog)(Screen)?\.tsx/,
  ledger: /\/points\/(Ledger|ledger|PointsScreen)/,
  ways: /\/session\/(SignInAgain|ForeignReturn)|\/shell\/DeadEnd/,
  members: /\/programs\/(Members|Import|roster)|\/points\/PointsDialog|\/privacy\/DataDialog/,
  office: /\/webhooks\/(?!words)|\/programs\/ProgramScreen/,
  told: /\/notifications\/(MailSettings|PushSettings|push\.ts|queries|notifications\.module)/,
};

export default defineConfig(({ command }) => {
  const api = command === "serve" ? apiOfLocalStack() : undefined;
  return {
    plugins: [devConfig(), withoutNode(), withoutMutations(), serviceWorker(), modulesOfFiles(), secondScript("/src/main.tsx")],
    build: {
      target: "es2022",
      cssTarget: ["chrome123", "firefox120", "safari17.5"],
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      // A hundredth smaller, compressed, than by the default: two kilobytes of what a person loads.
      minify: "terser",
      terserOptions: { module: true, ecma: 2020, compress: { passes: 2 } },
      sourcemap: false,
      // Which file needs which: the budgets are held by it.
      manifest: true,
      // The licences of what is bundled, beside it.
      license: { fileName: "licenses.md" },
      reportCompressedSize: false,
      rolldownOptions: {
        // The page asks for both; what the second one shares with screens is in its file (`everywhere`).
        input: { boot: "index.html", main: "src/main.tsx" },
        output: {
          // Names do not compress, and the first file lists them all: 42 bits are plenty to tell versions apart.
          entryFileNames: "assets/[name]-[hash:7].js",
          chunkFileNames: "assets/[name]-[hash:7].js",
          assetFileNames: "assets/[name]-[hash:7][extname]",
          // The MPL asks to say where the source of what is handed on is found.
          postBanner: ({ moduleIds }) => (moduleIds.some((id) => id.includes("/node_modules/mediabunny/")) ? MEDIABUNNY : ""),
          // All that every screen needs comes in one file, beside the small one that goes first: each further
          // request costs a round trip, and each further file has its name, which does not compress, in a list.
          codeSplitting: {
            groups: [
              { name: "boot", test: AT_ONCE },
              { name: "main", test: everywhere },
              ...Object.entries(SHARED).map(([name, test]) => ({ name, test })),
            ],
          },
        },
      },
    },
    css: {
      modules: {
        localsConvention: "camelCaseOnly" as const,
        // "feed-card" compresses better than a hash and a line, and is read in the browser's tools.
        generateScopedName: (name, file) => `${basename(file, ".module.css")}-${name}`,
      },
    },
    server: api ? { proxy: { "/v1": { target: api.replace(/\/v1$/, ""), changeOrigin: true } } } : {},
    test: { include: ["tests/**/*.test.ts"], environment: "node" },
  };
});
