import type { Plugin } from "vite";

/**
 * Names, in the page, the file that holds a module, and its styles: a second script, which comes along
 * with the page's own instead of being asked for by it, and runs after it.
 */
export function secondScript(module: string): Plugin {
  return {
    name: "greenroom:second-script",
    transformIndexHtml: {
      order: "post",
      handler(_html, { bundle }) {
        if (!bundle) return [{ tag: "script", attrs: { type: "module", src: module }, injectTo: "body" as const }];
        const chunks = Object.values(bundle).filter((each) => each.type === "chunk");
        const found = chunks.find((each) => each.moduleIds.some((id) => id.endsWith(module)));
        if (!found) throw new Error(`No file holds ${module}.`);
        const tag = (name: string, attrs: Record<string, string | boolean>) => ({
          tag: name,
          attrs: { ...attrs, crossorigin: true },
          injectTo: "head" as const,
        });
        return [
          tag("script", { type: "module", src: `/${found.fileName}` }),
          ...[...(found.viteMetadata?.importedCss ?? [])].map((file) => tag("link", { rel: "stylesheet", href: `/${file}` })),
        ];
      },
    },
  };
}
