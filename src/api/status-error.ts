/** Refusals as Kubernetes words them: a `Status` with code, reason, causes, and our diagnostics in its details. */
import { DiagnosticError, type Diagnostic, formatDiagnostic } from "../diagnostics/diagnostic.ts";
import type { AnyKind } from "../kinds/kind.ts";
import { StoreError } from "../store/store.ts";

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly { readonly reason: string; readonly message: string; readonly field?: string }[];
  readonly diagnostics?: readonly Diagnostic[];
  readonly retryAfterSeconds?: number;
}

export class StatusError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;

  constructor(code: number, reason: string, message: string, details?: StatusDetails) {
    super(message);
    this.name = "StatusError";
    this.code = code;
    this.reason = reason;
    this.details = details;
  }
}

export interface StatusBody {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: object;
  readonly status: "Success" | "Failure";
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code: number;
}

export function statusBody(error: StatusError): StatusBody {
  const { code, reason, message, details } = error;
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    ...(details === undefined ? {} : { details }),
    code,
  };
}

export function success(details: StatusDetails): StatusBody {
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details, code: 200 };
}

/** `services.tutti.dev`, or `configmaps` of the core group. */
export function qualified(kind: AnyKind): string {
  return kind.group === "" ? kind.plural : `${kind.plural}.${kind.group}`;
}

export function detailsOf(kind: AnyKind, name: string): StatusDetails {
  return { name, ...(kind.group === "" ? {} : { group: kind.group }), kind: kind.plural };
}

export function badRequest(message: string, diagnostics?: readonly Diagnostic[]): StatusError {
  return new StatusError(400, "BadRequest", message, diagnostics === undefined ? undefined : { diagnostics });
}

export function notFound(kind: AnyKind, name: string): StatusError {
  return new StatusError(404, "NotFound", `${qualified(kind)} "${name}" not found`, detailsOf(kind, name));
}

/** Neither a kind nor a document is served at this path. */
export function noSuchPath(): StatusError {
  return new StatusError(404, "NotFound", "the server could not find the requested resource", {
    causes: [{ reason: "UnexpectedServerResponse", message: "404 page not found" }],
  });
}

export function notAllowed(method: string): StatusError {
  return new StatusError(
    405,
    "MethodNotAllowed",
    `the server does not allow the method ${method} on the requested resource`,
  );
}

export function conflict(kind: AnyKind, name: string, why: string): StatusError {
  return new StatusError(
    409,
    "Conflict",
    `Operation cannot be fulfilled on ${qualified(kind)} "${name}": ${why}`,
    detailsOf(kind, name),
  );
}

export function forbidden(kind: AnyKind, name: string, why: string): StatusError {
  return new StatusError(
    403,
    "Forbidden",
    `${qualified(kind)} "${name}" is forbidden: ${why}`,
    detailsOf(kind, name),
  );
}

/** Content that is refused, with everything that is wrong with it. */
export function invalid(kind: AnyKind, name: string, diagnostics: readonly Diagnostic[]): StatusError {
  const who = kind.group === "" ? kind.kind : `${kind.kind}.${kind.group}`;
  const causes = diagnostics.map(({ code, path, message, hint }) => ({
    reason: CAUSES[code] ?? "FieldValueInvalid",
    message: hint === undefined ? message : `${message} ${hint}`,
    ...(path === undefined ? {} : { field: path }),
  }));
  const text = causes
    .map((cause) => (cause.field === undefined ? cause.message : `${cause.field}: ${cause.message}`))
    .join("; ");
  return new StatusError(422, "Invalid", `${who} "${name}" is invalid: ${text}`, {
    ...detailsOf(kind, name),
    kind: kind.kind,
    causes,
    diagnostics,
  });
}

/** A declaration that is refused: what is wrong is in the diagnostics. */
export function refused(diagnostics: readonly Diagnostic[]): StatusError {
  return new StatusError(422, "Invalid", diagnostics.slice(0, 20).map(formatDiagnostic).join("\n"), {
    diagnostics,
  });
}

const CAUSES: Readonly<Record<string, string>> = {
  MissingField: "FieldValueRequired",
  MissingName: "FieldValueRequired",
  UnknownField: "FieldValueForbidden",
  Immutable: "FieldValueForbidden",
  WrongType: "FieldValueTypeInvalid",
};

const STORE_CODES: Readonly<Record<StoreError["code"], readonly [number, string]>> = {
  AlreadyExists: [409, "AlreadyExists"],
  NotFound: [404, "NotFound"],
  Conflict: [409, "Conflict"],
  Expired: [410, "Expired"],
  StorageFull: [507, "InsufficientStorage"],
  StorageFailed: [503, "ServiceUnavailable"],
  Closed: [503, "ServiceUnavailable"],
};

/** A known refusal as a StatusError; undefined for a fault of ours. `kind` and `name` are those of the request. */
export function asStatusError(error: unknown, kind?: AnyKind, name = ""): StatusError | undefined {
  if (error instanceof StatusError) return error;
  if (error instanceof DiagnosticError) return refused(error.diagnostics);
  if (!(error instanceof StoreError)) return undefined;
  const [code, reason] = STORE_CODES[error.code];
  const details = error.code === "StorageFull" ? { diagnostics: [noSpace(error)] } : {};
  if (kind === undefined) return new StatusError(code, reason, error.message, details);
  const concerned = error.key?.name ?? name;
  return (
    ofKind(error, kind, concerned) ??
    new StatusError(code, reason, error.message, { ...detailsOf(kind, concerned), ...details })
  );
}

/** Nothing was written, and somebody can do something about it: said as any other refusal. */
function noSpace({ code, message }: StoreError): Diagnostic {
  return {
    severity: "error",
    code,
    message,
    hint: "Nothing was changed. Make room on the disk that holds the state folder, then repeat it.",
  };
}

/** In the words of Kubernetes, where it has some. */
function ofKind(error: StoreError, kind: AnyKind, name: string): StatusError | undefined {
  if (error.code === "AlreadyExists")
    return new StatusError(
      409,
      "AlreadyExists",
      `${qualified(kind)} "${name}" already exists`,
      detailsOf(kind, name),
    );
  if (error.code === "NotFound" && error.key !== undefined) return notFound(kind, name);
  if (error.code !== "Conflict") return undefined;
  return conflict(kind, name, `${error.message} Read it again and make the change anew.`);
}
