/** How a container ended, in words. */
import { formatDuration } from "../../model/duration.ts";
import type { Exit } from "../../provider/provider.ts";
import { redact, tellingLine } from "../../provider/redaction.ts";
import type { ContainerState } from "./containers.ts";

export interface Ending {
  /** Name of the sidecar that ended; absent: the program itself. */
  readonly sidecar?: string;
  /** As the event had it. */
  readonly code?: number;
  /** What the engine knows of it; absent when it is gone. */
  readonly found?: ContainerState;
  readonly isOutOfMemory: boolean;
  /** The end of what it printed. */
  readonly output: string;
}

/** What a program that a signal ended has as its exit code, less 128. */
const SIGNALS: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  15: "SIGTERM",
};

export function endingOf(
  ending: Ending,
  secrets: readonly string[],
): Pick<Exit, "code" | "signal" | "message"> {
  const { sidecar, found } = ending;
  const whose = sidecar === undefined ? "" : `its sidecar '${sidecar}' `;
  const code = codeOf(ending);
  // It ran when it was looked at before, and now there is no trace of it.
  if (code === null)
    return { code, signal: null, message: `${whose}is gone: somebody removed its container.` };
  const signal = SIGNALS[code - 128] ?? null;
  const after = found === undefined ? "" : lasted(found.State);
  if (ending.isOutOfMemory || found?.State.OOMKilled === true)
    return { code, signal, message: `${whose}was killed because it used ${excess(found)}${after}.` };
  const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
  const words = signal === "SIGKILL" ? "" : redact(tellingLine(ending.output), secrets);
  return { code, signal, message: `${whose}${how}${after}${words === "" ? "." : `: ${words}`}` };
}

/** The engine's own knowledge before the event's; null when there is neither. */
function codeOf({ code, found }: Ending): number | null {
  return found === undefined || found.State.Running ? (code ?? null) : found.State.ExitCode;
}

function excess(found: ContainerState | undefined): string {
  const limit = found?.HostConfig.Memory ?? 0;
  return limit === 0 ? "more memory than there is" : `more than its ${bytes(limit)} of memory`;
}

/** As people write it: `64Mi`. */
function bytes(count: number): string {
  const units = ["", "Ki", "Mi", "Gi", "Ti"];
  let unit = 0;
  let value = count;
  for (; value % 1024 === 0 && unit < units.length - 1; unit++) value /= 1024;
  return `${value}${units[unit] ?? ""}`;
}

function lasted({ StartedAt, FinishedAt }: ContainerState["State"]): string {
  const started = Date.parse(StartedAt);
  const finished = Date.parse(FinishedAt);
  // The engine writes year 1 for never, and may note the start of what ends at once after its end.
  if (!(started > 0 && finished > 0)) return "";
  return ` after ${formatDuration(Math.max(0, finished - started))}`;
}
