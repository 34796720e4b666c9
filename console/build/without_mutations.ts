import type { Plugin } from "vite";

const NONE = "\0greenroom:no-mutations";

/** What QueryClient does with its mutations, when there are none. */
const SOURCE = `export class MutationCache {
  findAll() { return []; }
  clear() {}
  resumePausedMutations() { return Promise.resolve(); }
}`;

/**
 * Gives TanStack Query's cache of mutations an empty one in its place: QueryClient always makes one, and
 * the console has no mutation, as screens call the API themselves. A bundle that has one is refused.
 */
export function withoutMutations(): Plugin {
  return {
    name: "greenroom:without-mutations",
    apply: "build",
    enforce: "pre",
    resolveId: (source, importer) =>
      source === "./mutationCache.js" && importer?.includes("/@tanstack/query-core/") ? NONE : undefined,
    load: (id) => (id === NONE ? SOURCE : undefined),
    generateBundle(_options, bundle) {
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== "chunk") continue;
        const made = Object.keys(chunk.modules).find((id) => /\/query-core\/.*\/mutationObserver\.js$/.test(id));
        if (made) this.error("A mutation needs the cache that build/without_mutations.ts leaves out.");
      }
    },
  };
}
