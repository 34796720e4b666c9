import { createHash } from "node:crypto";
import type { Plugin } from "vite";

/** What opens the feed without a network. All else is kept when it was used once. */
const KEPT_AT_ONCE = /assets\/(boot|main|DeadEnd|member|further|sends)[-.].*\.(js|css)$/;

/**
 * Emits `sw.js` with the list of the built files and a version that changes with them.
 *
 * The worker keeps the shell, so that the console opens without a network. It never touches the
 * API: what people may read offline is kept by the app itself and forgotten at sign-out.
 */
export function serviceWorker(): Plugin {
  return {
    name: "greenroom:service-worker",
    apply: "build",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const files = Object.keys(bundle)
          .filter((name) => /\.(js|css|html)$/.test(name))
          .sort();
        const hash = createHash("sha256");
        for (const name of files) {
          const made = bundle[name];
          if (made) hash.update(name).update(made.type === "chunk" ? made.code : made.source);
        }
        const version = hash.digest("hex").slice(0, 16);
        const assets = files.filter((name) => KEPT_AT_ONCE.test(name)).map((name) => `/${name}`);
        this.emitFile({
          type: "asset",
          fileName: "sw.js",
          source: source(version, assets),
        });
      },
    },
  };
}

function source(version: string, assets: string[]): string {
  return `"use strict";
const CACHE = "greenroom-${version}";
const ASSETS = ${JSON.stringify(assets)};
const SHELL = "/index.html";

self.addEventListener("install", (event) => {
  // Each file on its own: one that fails (storage full) must not keep the others out.
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => Promise.allSettled([SHELL, "/config.json", ...ASSETS].map((file) => cache.add(file))))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name.startsWith("greenroom-") && name !== CACHE).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (event.request.mode === "navigate") {
    if (url.pathname.startsWith("/v1/")) return;
    event.respondWith(networkFirst(event.request, SHELL));
  } else if (url.pathname === "/config.json") {
    event.respondWith(networkFirst(event.request, "/config.json"));
  } else if (url.pathname.startsWith("/assets/")) {
    event.respondWith(keptOrFetched(event.request));
  }
});

// A push says what to show. A browser demands that each is shown, so one that cannot be read is, too.
self.addEventListener("push", (event) => {
  event.waitUntil(shown(event.data));
});

async function shown(data) {
  let told = {};
  try {
    told = (data && data.json()) || {};
  } catch (error) {
    // Not ours: shown without words of its own.
  }
  const actions = [
    told.copy ? { action: "copy", title: String(told.copy) } : null,
    told.tiktok ? { action: "tiktok", title: String(told.tiktok) } : null,
  ].filter(Boolean);
  await self.registration.showNotification(String(told.title || "Greenroom"), {
    body: String(told.body || ""),
    // The same video again takes the place of what was shown of it.
    tag: String(told.tag || "greenroom"),
    renotify: true,
    lang: String(told.lang || ""),
    dir: "auto",
    icon: "/icon-192.png",
    badge: "/icon-192.png",
    data: { path: String(told.url || "/notifications") },
    actions,
  });
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const path = (event.notification.data || {}).path || "/";
  event.waitUntil(event.action === "tiktok" ? self.clients.openWindow("https://www.tiktok.com/") : opened(path));
});

// Only pages of this console: whatever a push says, nothing else is opened.
async function opened(path) {
  const url = new URL(path, self.location.origin);
  const target = url.origin === self.location.origin ? url.href : self.location.origin;
  const windows = await self.clients.matchAll({ type: "window" });
  for (const each of windows) {
    try {
      const moved = await each.navigate(target);
      return await (moved || each).focus();
    } catch (error) {
      // A page that this worker does not control yet: a new one is opened.
    }
  }
  return self.clients.openWindow(target);
}

// Names of assets carry a hash of their content, so what is kept is never out of date.
async function keptOrFetched(request) {
  const kept = await caches.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) {
    const copy = answer.clone();
    caches.open(CACHE).then((cache) => cache.put(request, copy)).catch(() => {});
  }
  return answer;
}

async function networkFirst(request, fallback) {
  const kept = await caches.match(fallback);
  if (!kept) return fetch(request);
  const late = new Promise((done) => setTimeout(done, 5000, kept));
  const answer = await Promise.race([fetch(request).catch(() => kept), late]);
  return answer.ok ? answer : kept;
}
`;
}
