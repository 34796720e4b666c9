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
  if (status === 401) return new ApiProblem("unauthenticated", status, "", correlationId);
  if (status === 429) return new ApiProblem("too_many_requests", status, "", correlationId);
  if (status >= 500) return new ApiProblem("unavailable", status, "", correlationId);
  return new ApiProblem("unreadable_answer", status, "", correlationId);
}
