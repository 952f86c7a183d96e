import { request } from "../balancer/http.ts";
import { type Diagnostic, DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import type { DnsConfig, DnsHealth } from "./config.ts";
import { nodeCommand, nodeEnvironment } from "../program.ts";

/** Speaks to the embedded DNS server's control socket. */
export class DnsClient {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /**
   * Replaces the whole configuration; when it resolves, it is in force and on disk.
   *
   * @throws DiagnosticError when it is refused (the former one stays in force), Error when the server is not reached.
   */
  configure(config: DnsConfig): Promise<DnsHealth> {
    return this.#ask("PUT", "/config", JSON.stringify(config));
  }

  health(): Promise<DnsHealth> {
    return this.#ask("GET", "/healthz");
  }

  #ask(method: string, path: string, body?: string): Promise<DnsHealth> {
    return new Promise((resolve, reject) => {
      const headers =
        body === undefined
          ? {}
          : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const asked = request(
        { socketPath: this.#socket, method, path, headers, agent: false, timeout: 10_000 },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.once("error", reject);
          response.once("end", () => {
            try {
              const answer = JSON.parse(Buffer.concat(chunks).toString("utf8")) as
                | DnsHealth
                | { diagnostics: readonly Diagnostic[] };
              if ("diagnostics" in answer) reject(new DiagnosticError(answer.diagnostics));
              else resolve(answer);
            } catch (error) {
              reject(error as Error);
            }
          });
        },
      );
      asked.once("timeout", () =>
        asked.destroy(new Error(`the DNS server on ${this.#socket} does not answer`)),
      );
      asked.once("error", reject);
      asked.end(body);
    });
  }
}

/** The command for the supervisor. A Unix socket's path may be 103 bytes long: keep it in a short folder. */
export function dnsCommand(paths: { readonly socket: string; readonly stateFile: string }): {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
} {
  const main = new URL("./main.ts", import.meta.url);
  return {
    command: nodeCommand(main, "--socket", paths.socket, "--state", paths.stateFile),
    env: nodeEnvironment(),
    cwd: "/",
  };
}
