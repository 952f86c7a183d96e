/**
 * What this machine has against a declaration, seen before anything of it is committed. Only what is written out can be
 * looked at: a reference is resolved later, and what it comes to is judged where it is used.
 */
import { resolve } from "node:path";
import type { Obstacle, Prospect } from "../../provider/provider.ts";
import { pathFor } from "./command.ts";
import type { Home } from "./home.ts";
import { describePortInUse, listenError, whoListens } from "../../provider/ports.ts";
import { homeMarker } from "./supervisor/process-spec.ts";
import { environmentOf } from "./supervisor/process-table.ts";
import { programToStart } from "./supervisor/spawn.ts";

export interface WantedPort {
  /** `spec.listeners[0].port`. */
  readonly path: string;
  readonly port: number;
  readonly host?: string;
}

/** The program and the folder of a service. A command that is one text is the shell's business. */
export function programObstacles({ namespace, name, spec, folder }: Prospect): readonly Obstacle[] {
  const { command, workingDirectory = "." } = spec;
  if (typeof workingDirectory !== "string" || isOpen(workingDirectory)) return [];
  const cwd = resolve(folder, workingDirectory);
  const words = Array.isArray(command) ? (command as readonly unknown[]).map(String) : ["/bin/sh"];
  const program = words[0] ?? "";
  const found = programToStart({
    id: `${namespace}/${name}`,
    command: [isOpen(program) ? "/bin/sh" : program],
    cwd,
    env: { PATH: pathFor(cwd) },
  });
  if (typeof found === "string") return [];
  const { code, message, hint } = found;
  const path = code.startsWith("WorkingDirectory") ? "spec.workingDirectory" : "spec.command";
  return [{ code, path, message, ...(hint === undefined ? {} : { hint }) }];
}

/**
 * Ports that somebody else listens on. Our own processes are no obstacle: what has the port now may be what the plan
 * changes or takes away.
 */
export async function portObstacles(home: Home, wanted: readonly WantedPort[]): Promise<readonly Obstacle[]> {
  const found: Obstacle[] = [];
  for (const { path, port, host = "127.0.0.1" } of wanted) {
    if ((await listenError(port, host)) !== "EADDRINUSE" || isOurs(port, home)) continue;
    const sentence = describePortInUse(port);
    found.push({
      code: "PortInUse",
      path,
      message: `${sentence.slice(0, 1).toUpperCase()}${sentence.slice(1)}.`,
      hint: "Choose another port, or leave it out to have one chosen.",
    });
  }
  return found;
}

/** Processes share the machine's addresses: a fixed port is for one copy only. */
export function copyObstacles({ spec }: Prospect): readonly Obstacle[] {
  const { replicas } = spec;
  const [fixed] = portsIn(spec, "ports");
  if (fixed === undefined || typeof replicas !== "number" || replicas < 2) return [];
  return [
    {
      code: "PortShared",
      path: fixed.path,
      message: `${replicas} processes of one machine cannot all listen on port ${fixed.port}.`,
      hint: "Leave the port out to have one chosen for each, and put a LoadBalancer in front.",
    },
  ];
}

/** The only one, in `spec.port`. */
export function portIn({ port }: Prospect["spec"]): readonly WantedPort[] {
  return typeof port === "number" ? [{ path: "spec.port", port }] : [];
}

/** Ports in a list such as `spec.ports` or `spec.listeners`. */
export function portsIn(spec: Prospect["spec"], field: string): readonly WantedPort[] {
  const entries = spec[field];
  if (!Array.isArray(entries)) return [];
  return (entries as readonly { readonly port?: unknown; readonly host?: unknown }[]).flatMap(
    ({ port, host }, index) =>
      typeof port === "number" && (host === undefined || typeof host === "string")
        ? [{ path: `spec.${field}[${index}].port`, port, ...(host === undefined ? {} : { host }) }]
        : [],
  );
}

function isOurs(port: number, home: Home): boolean {
  const listener = whoListens(port);
  // Where nobody can tell who it is, the one who tries to listen will find out.
  return listener === undefined || environmentOf(listener.pid)?.get(homeMarker) === home.folder;
}

/** `${...}` and `$(...)` become something else before they are used. */
function isOpen(text: string): boolean {
  return /\$[{(]/.test(text);
}
