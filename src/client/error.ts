/** What a request ends with when it does not succeed. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";

/** The Kubernetes `Status` of a refused request, with our diagnostics in its details. */
export interface ApiStatus {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly status: "Success" | "Failure";
  /** The HTTP status code. */
  readonly code: number;
  /** One word for programs: `NotFound`, `AlreadyExists`, `Conflict`, `Invalid`, `Expired`, `Forbidden`. */
  readonly reason: string;
  readonly message: string;
  readonly details?: {
    readonly name?: string;
    readonly group?: string;
    readonly kind?: string;
    readonly uid?: string;
    readonly causes?: readonly {
      readonly reason?: string;
      readonly message?: string;
      readonly field?: string;
    }[];
    readonly diagnostics?: readonly Diagnostic[];
    readonly retryAfterSeconds?: number;
  };
}

/** The control plane answered, and refused. */
export class ApiError extends Error {
  readonly status: ApiStatus;

  constructor(status: ApiStatus) {
    super(status.message);
    this.name = "ApiError";
    this.status = status;
  }

  get code(): number {
    return this.status.code;
  }

  get reason(): string {
    return this.status.reason;
  }

  /** What is wrong with what was sent; empty when the refusal is not about content. */
  get diagnostics(): readonly Diagnostic[] {
    return this.status.details?.diagnostics ?? [];
  }
}

/** No control plane answered at that address, or the connection broke before the answer was complete. */
export class UnreachableError extends Error {
  readonly url: string;

  constructor(url: string, cause: unknown) {
    super(`No control plane answers at ${url}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
    this.name = "UnreachableError";
    this.url = url;
  }
}

/** An answer that is not a `Status` (from something else that listens there) made into one. */
export function asStatus(body: string, code: number): ApiStatus {
  const parsed = parse(body);
  if (typeof parsed === "object" && parsed !== null && (parsed as ApiStatus).kind === "Status")
    return parsed as ApiStatus;
  const refusal = parsed as { readonly errorType?: unknown; readonly error?: unknown } | undefined | null;
  // As Prometheus refuses.
  if (typeof refusal?.error === "string" && typeof refusal.errorType === "string")
    return {
      kind: "Status",
      apiVersion: "v1",
      status: "Failure",
      code,
      reason: refusal.errorType === "bad_data" ? "BadRequest" : "Failed",
      message: refusal.error,
    };
  const message = body === "" ? `The request failed with HTTP status ${code}.` : body.slice(0, 500);
  return { kind: "Status", apiVersion: "v1", status: "Failure", code, reason: "Unknown", message };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
