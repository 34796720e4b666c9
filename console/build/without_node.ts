import type { Plugin } from "vite";

const EMPTY = "\0greenroom:empty";

/**
 * Gives Mediabunny's module of Node's files an empty one in its place. Left to itself, the bundler would
 * treat it as CommonJS and add what that takes to a file that every screen loads.
 */
export function withoutNode(): Plugin {
  return {
    name: "greenroom:without-node",
    apply: "build",
    enforce: "pre",
    resolveId: (source, importer) =>
      source.endsWith("/node.js") && importer?.includes("/node_modules/mediabunny/") ? EMPTY : undefined,
    load: (id) => (id === EMPTY ? "export {};" : undefined),
  };
}
