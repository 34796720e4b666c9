/** Failures of a call, told apart by a stable `code`: the API's own, and three the browser adds. */
import type { components } from "./schema";

export type Problem = components["schemas"]["Problem"];
export type FieldProblem = { field: string; code: string; message: string; limit?: unknown };

/** Codes of what went wrong on the way, before an answer of the API could be read. */
export type OwnCode = "offline" | "no_answer" | "unreadable_answer";

export class ApiProblem extends Error {
  override readonly name = "ApiProblem";

  constructor(
    readonly code: string,
    readonly status: number,
    /** The server's own words; the fallback where the catalogue does not know the code. */
    readonly detail: string,
    readonly correlationId: string | null = null,
    /** The whole problem document, for the members that only some codes have. */
    readonly body: Partial<Problem> = {},
  ) {
    super(`${code}: ${detail}`);
  }

  get fields(): FieldProblem[] {
    return this.body.errors ?? [];
  }

  /** Whether asking again in a moment, unchanged, may well succeed. */
  get passing(): boolean {
    return (
      this.code === "offline" ||
      this.code === "no_answer" ||
      this.code === "unreadable_answer" ||
      this.status === 429 ||
      this.status >= 500
    );
  }
}

export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return new ApiProblem("no_answer", 0, "No answer came in time.");
  }
  if (error instanceof TypeError) {
    const code = navigator.onLine ? "no_answer" : "offline";
    return new ApiProblem(code, 0, "The server could not be reached.");
  }
  return new ApiProblem("unreadable_answer", 0, error instanceof Error ? error.message : "");
}

/** Reads a problem from an answer's body, whatever that body turns out to be. */
export function problemOf(status: number, body: unknown, correlationId: string | null): ApiProblem {
  if (typeof body === "object" && body !== null && "code" in body) {
    const problem = body as Partial<Problem> & { code: unknown };
    if (typeof problem.code === "string") {
      const detail = typeof problem.detail === "string" ? problem.detail : "";
      return new ApiProblem(problem.code, status, detail, correlationId, problem);
    }
  }
  return new ApiProblem(WITHOUT_CODE[status] ?? (status < 500 ? "unreadable_answer" : "unavailable"), status, "", correlationId);
}

/** What a gateway, a firewall or a proxy means by a status alone. */
const WITHOUT_CODE: Record<number, string> = {
  401: "unauthenticated",
  404: "not_found",
  408: "no_answer",
  413: "body_too_large",
  429: "too_many_requests",
  504: "no_answer",
};

/** Raises `unreadable_answer` for what is no object with something in it: no answer of the API is. */
export function assertReadable(response: Response, data: unknown): void {
  if (typeof data === "object" && data && !Array.isArray(data) && Object.keys(data).length) return;
  throw new ApiProblem("unreadable_answer", response.status, "", response.headers.get("X-Correlation-Id"));
}
