import { useLocation } from "preact-iso";
import { useEffect, useState } from "preact/hooks";
import { config } from "../config";
import { ErrorState } from "../ui/parts";
import { signedIn } from "./session";

/** Where a foreign issuer sends people back to. */
export default function ForeignReturn() {
  const { route } = useLocation();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const comeBack = async (): Promise<void> => {
      const { issuer } = await config();
      if (!issuer) return route("/", true);
      const { renewed, path } = await (await import("./foreign")).comeBack(issuer);
      signedIn(renewed);
      route(path, true);
    };
    comeBack().catch(setError);
  }, []);
  return error ? <ErrorState error={error} onRetry={() => location.assign("/")} /> : null;
}
