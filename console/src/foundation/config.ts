/** What the deployment says: `/config.json`, written beside the built files. */
export type Config = {
  api_base: string;
  /** A foreign identity provider; without one people sign in through the API itself. */
  issuer?: { authority: string; client_id: string; logout?: string } | null;
};

const DEFAULT: Config = { api_base: "/v1" };
let loading: Promise<Config> | undefined;

export function config(): Promise<Config> {
  loading ??= fetch("/config.json", { credentials: "same-origin", signal: AbortSignal.timeout(5_000) })
    .then(async (answer) => (answer.ok ? { ...DEFAULT, ...((await answer.json()) as Config) } : DEFAULT))
    .catch(() => {
      loading = undefined;
      return DEFAULT;
    });
  return loading;
}
