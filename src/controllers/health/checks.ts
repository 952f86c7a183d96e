/** One look at an instance: does it answer? Resolves with undefined when it does, else with why not, one sentence. */
import { connect } from "node:net";
import type { Check } from "../../controller/probes.ts";

/** Not imported: that would load a whole HTTP client beside it (14 MB, 25 ms); see providers/local/balancer/http.ts. */
const { request } = process.getBuiltinModule("node:http");

export type Verdict = string | undefined;

export function checkTcp(host: string, port: number, timeout: number): Promise<Verdict> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (verdict: Verdict): void => {
      socket.destroy();
      resolve(verdict);
    };
    socket.setTimeout(timeout, () => end(`No connection to port ${port} within ${timeout}ms.`));
    socket.once("connect", () => end(undefined));
    socket.once("error", (error) => end(connectProblem(error, port)));
  });
}

export function checkHttp(host: string, port: number, path: string, timeout: number): Promise<Verdict> {
  return new Promise((resolve) => {
    const asked = request(
      { host, port, path, method: "GET", agent: false, timeout, headers: { "user-agent": "tutti-probe" } },
      (response) => {
        response.resume();
        const status = response.statusCode ?? 0;
        resolve(status >= 200 && status < 400 ? undefined : `GET ${path} answered ${status}.`);
        response.once("end", () => asked.destroy());
      },
    );
    asked.once("timeout", () => {
      resolve(`GET ${path} did not answer within ${timeout}ms.`);
      asked.destroy();
    });
    asked.once("error", (error) => resolve(connectProblem(error, port)));
    asked.end();
  });
}

function connectProblem(error: Error & { readonly code?: string }, port: number): string {
  if (error.code === "ECONNREFUSED") return `Nothing listens on port ${port} yet.`;
  return `Port ${port} does not answer: ${error.code ?? error.message}.`;
}

export type RunCommand = (command: readonly string[], timeout: number) => Promise<Verdict>;

export function runCheck(check: Check, host: string, timeout: number, command: RunCommand): Promise<Verdict> {
  if (check.type === "tcp") return checkTcp(host, check.port, timeout);
  if (check.type === "http") return checkHttp(host, check.port, check.path, timeout);
  return command(check.command, timeout);
}
