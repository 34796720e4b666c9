import { relative } from "node:path";
import type { Plugin } from "vite";

/**
 * Emits `.vite/modules.json`: the file that each of the console's own modules went into, as a file
 * may hold several screens. The budgets are held by it; it is not deployed.
 */
export function modulesOfFiles(): Plugin {
  return {
    name: "greenroom:modules",
    apply: "build",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const files: Record<string, string> = {};
        for (const chunk of Object.values(bundle)) {
          if (chunk.type !== "chunk") continue;
          for (const id of chunk.moduleIds) {
            const module = relative(process.cwd(), id);
            if (module.startsWith("src/")) files[module] = chunk.fileName;
          }
        }
        this.emitFile({ type: "asset", fileName: ".vite/modules.json", source: JSON.stringify(files) });
      },
    },
  };
}
