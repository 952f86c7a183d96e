/** How the programs that serve resources (balancer, name server) are started: our own Node, hardly any environment. */
import { fileURLToPath } from "node:url";

/** `source`: the program's TypeScript file. In the published package the JavaScript made of it stands beside. */
export function programFile(source: URL): string {
  const path = fileURLToPath(source);
  return import.meta.url.endsWith(".ts") ? path : path.replace(/\.ts$/, ".js");
}

export function nodeCommand(source: URL, ...args: readonly string[]): readonly string[] {
  return [process.execPath, "--disable-warning=ExperimentalWarning", programFile(source), ...args];
}

/** The compile cache makes them start in a third of the time. */
export function nodeEnvironment(): Record<string, string> {
  const cache = process.env["NODE_COMPILE_CACHE"];
  return { PATH: "/usr/bin:/bin", ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }) };
}
