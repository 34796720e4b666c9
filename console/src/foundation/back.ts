/**
 * Going back, before the router hears of it: of the listeners of one target the first that was added
 * comes first, and the router takes its screen away at once. So this is loaded before it begins.
 */
export const back: { asked?: ((event: PopStateEvent) => void) | undefined } = {};

addEventListener("popstate", (event) => back.asked?.(event));
