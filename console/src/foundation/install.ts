/** Registers the service worker, which keeps the shell for when there is no network. */
type TrustedTypes = {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
};

export function installShell(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  const trusted = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
  // The policy lets exactly one address through.
  const policy = trusted?.createPolicy("greenroom", {
    createScriptURL: (url) => {
      if (url !== "/sw.js") throw new TypeError(url);
      return url;
    },
  });
  const register = (): void => {
    navigator.serviceWorker.register(policy ? policy.createScriptURL("/sw.js") : "/sw.js").catch(() => {
      // Without it the console works as long as there is a network.
    });
  };
  if (document.readyState === "complete") register();
  else addEventListener("load", register, { once: true });
}
