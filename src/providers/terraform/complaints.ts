/** What a provider complains about, as diagnostics of the resource it was about: with the path, without secrets. */
import { pathText } from "../../model/walk.ts";
import { type Obstacle, TerminalError } from "../../provider/provider.ts";
import { redact } from "../../provider/redaction.ts";
import type { PluginDiagnostic } from "../../terraform/diagnostic.ts";
import type { ValueError } from "../../terraform/msgpack.ts";

export interface Place {
  /** What paths are below: `["spec", "config"]`. */
  readonly root: readonly string[];
  readonly secrets: readonly string[];
}

export const CONFIG = ["spec", "config"] as const;

export function obstacleOf({ summary, detail, path }: PluginDiagnostic, { root, secrets }: Place): Obstacle {
  return {
    code: "ProviderRefused",
    path: pathText([...root, ...path]),
    message: redact(sentence(summary), secrets),
    ...(detail === "" || detail === summary ? {} : { hint: redact(sentence(detail), secrets) }),
  };
}

export function errorsOf(diagnostics: readonly PluginDiagnostic[]): readonly PluginDiagnostic[] {
  return diagnostics.filter(({ severity }) => severity === "error");
}

/** Throws TerminalError, when one of them is an error: what is declared cannot be. */
export function refuseErrors(diagnostics: readonly PluginDiagnostic[], place: Place): void {
  const [first] = errorsOf(diagnostics);
  if (first !== undefined) throw new TerminalError(obstacleOf(first, place));
}

/** Of what may go better another time. */
export function failureOf(diagnostics: readonly PluginDiagnostic[], { root, secrets }: Place): Error {
  const texts = errorsOf(diagnostics).map(({ summary, detail, path }) => {
    const where = path.length === 0 ? "" : `${pathText([...root, ...path])}: `;
    const more = detail === "" || detail === summary ? "" : ` ${sentence(detail)}`;
    return `${where}${sentence(summary)}${more}`;
  });
  return new Error(redact(texts.join(" "), secrets));
}

export function invalidValue({ path, message }: ValueError, { root }: Place): Obstacle {
  return { code: "InvalidConfig", path: pathText([...root, ...path]), message };
}

function sentence(text: string): string {
  const plain = text.trim().replace(/\s+/g, " ").slice(0, 2_000);
  return /[.!?:]$/.test(plain) ? plain : `${plain}.`;
}
