/** What is wrong, as Terraform shows it: a summary, what to do, and the attribute where it stands. */
import { ApiError, UnreachableError } from "../client/error.ts";
import { type Diagnostic, DiagnosticError, formatPosition } from "../diagnostics/diagnostic.ts";
import { pathText } from "../model/walk.ts";
import { stepsOf } from "../sdk/load/sources.ts";
import type { AttributePath, PluginDiagnostic } from "../terraform/diagnostic.ts";
import { ValueError } from "../terraform/msgpack.ts";
import { type Place, isCollection } from "./place.ts";

/** Ends a call with what is wrong. */
export class Refused extends Error {
  readonly diagnostics: readonly PluginDiagnostic[];

  constructor(diagnostics: readonly PluginDiagnostic[]) {
    super(diagnostics.map(({ summary }) => summary).join(" "));
    this.name = "Refused";
    this.diagnostics = diagnostics;
  }
}

export function complaint(summary: string, detail = "", path: AttributePath = []): PluginDiagnostic {
  return { severity: "error", summary, detail, path };
}

/** `body`: where fields of the resource are looked for; none when it is about no resource. */
export function complaintsOf(error: unknown, body?: Place): readonly PluginDiagnostic[] {
  if (error instanceof Refused) return error.diagnostics;
  if (error instanceof DiagnosticError) return error.diagnostics.map((one) => told(one, body));
  if (error instanceof ApiError) return refusalOf(error, body);
  if (error instanceof ValueError) return [complaint(error.message, "", error.path)];
  if (error instanceof UnreachableError)
    return [
      complaint(
        error.message,
        "Start one with 'tutti serve', or say which one in the provider's configuration: home, or url and token.",
      ),
    ];
  const message = error instanceof Error ? error.message : String(error);
  return [complaint(message)];
}

function refusalOf(error: ApiError, body: Place | undefined): readonly PluginDiagnostic[] {
  if (error.diagnostics.length > 0) return error.diagnostics.map((one) => told(one, body));
  const hint: Readonly<Record<number, string>> = {
    401: "The token is not that of the control plane: see token in the provider's configuration.",
    403: "Whoever the token belongs to may not do this.",
  };
  return [complaint(error.message, hint[error.code] ?? "")];
}

export function told(
  { severity, address, path = "", message, hint = "", source }: Diagnostic,
  body: Place | undefined,
): PluginDiagnostic {
  const where = body === undefined ? { path: [], rest: stepsOf(path) } : located(stepsOf(path), body);
  const isSeen = where.path.length === 1 && where.rest.length === 0;
  const about = [
    body === undefined ? address : undefined,
    isSeen || path === "" ? undefined : pathText([...where.path, ...where.rest]),
    source === undefined ? undefined : `(${formatPosition(source)})`,
  ].filter((one) => one !== undefined);
  return {
    severity,
    summary: about.length === 0 ? message : `${about.join(" ")}: ${message}`,
    detail: hint,
    path: where.path,
  };
}

interface Located {
  readonly path: AttributePath;
  /** What is below it, as Tutti calls it. */
  readonly rest: AttributePath;
}

/** As far as attributes go: within what may be of any type, and in a set, nothing has a place of its own. */
function located(path: readonly (string | number)[], body: Place): Located {
  const attributes: (string | number)[] = [];
  let place = body;
  for (const [index, step] of path.entries()) {
    const rest = { path: attributes, rest: path.slice(index) };
    if (place.form === "members") {
      const member = place.members.find(({ name }) => name === step);
      if (member === undefined) return metadataAt(path) ?? rest;
      attributes.push(member.attribute);
      place = member.place;
    } else if (isCollection(place) && place.form !== "set") {
      attributes.push(step);
      place = place.element;
    } else return rest;
  }
  return { path: attributes, rest: [] };
}

const METADATA: ReadonlySet<unknown> = new Set(["name", "namespace", "labels", "annotations"]);

function metadataAt([first, name = ""]: AttributePath): Located | undefined {
  return first === "metadata" && METADATA.has(name) ? { path: [name], rest: [] } : undefined;
}
