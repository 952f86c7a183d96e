/**
 * The balancer's process: `node main.ts --socket <unix socket> --state <json file>`.
 *
 * It outlives the control plane that started it. It serves what its state file says before the control socket is
 * there, so whoever reaches the socket reaches a balancer in force. SIGTERM and SIGINT: accept nothing more, finish what is in
 * flight (at most LIMITS.shutdownMs), exit 0. SIGHUP: nothing. Exit codes: 2 usage, 3 the socket cannot be used.
 *
 * Log lines are JSON on standard output: a constant message plus keys; never a body, header or secret.
 */
import { chmodSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import type { Server } from "node:http";
import { Balancer } from "./balancer.ts";
import { controlServer } from "./control.ts";
import { LIMITS } from "./limits.ts";
import { loadState, StateFile } from "./state.ts";

const RESTORE_AGAIN_MS = 250;

function log(
  level: "info" | "warning" | "error",
  message: string,
  keys: Readonly<Record<string, unknown>> = {},
): void {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...keys })}\n`);
}

function option(name: string): string {
  const index = process.argv.indexOf(`--${name}`);
  const value = index < 0 ? undefined : process.argv[index + 1];
  if (value !== undefined && !value.startsWith("--")) return value;
  process.stderr.write(
    `balancer: --${name} is missing\nusage: main.ts --socket <unix socket> --state <json file>\n`,
  );
  process.exit(2);
}

function listen(server: Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(socket, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}

/** Whether somebody answers at a unix socket. */
function isAlive(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
}

/** Listens on the control socket; one that a dead process left behind is replaced. */
async function listenOnControl(server: Server, socket: string): Promise<void> {
  try {
    await listen(server, socket);
  } catch (error) {
    const inUse = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
    if (!inUse || (await isAlive(socket))) throw error;
    unlinkSync(socket);
    await listen(server, socket);
  }
  chmodSync(socket, 0o600);
}

async function restore(balancer: Balancer, stateFile: string): Promise<void> {
  const loaded = await loadState(stateFile);
  if (loaded.kind === "unreadable")
    return log("warning", "state not used", { file: stateFile, reason: loaded.reason });
  if (loaded.kind === "none") return;
  const { configuration, ports, challenges, cookieKey } = loaded.state;
  const diagnostics = await balancer.restore(configuration, ports, {
    challenges,
    ...(cookieKey === undefined ? {} : { cookieKey: Buffer.from(cookieKey, "base64") }),
  });
  if (diagnostics.length === 0) return;
  log("warning", "not everything is in force", { diagnostics });
  // A port may be taken for a moment; tried again until it is there or a new configuration has come.
  const again = setInterval(() => {
    if (balancer.diagnostics.length === 0) return clearInterval(again);
    void balancer.retry(ports);
  }, RESTORE_AGAIN_MS);
}

async function main(): Promise<void> {
  process.umask(0o077);
  const socket = option("socket");
  const stateFile = option("state");
  const now = (): number => performance.now();
  const balancer = new Balancer({ now, random: Math.random });
  const state = new StateFile(stateFile, () => ({
    configuration: balancer.configuration,
    ports: balancer.boundPorts,
    challenges: balancer.challenges,
    cookieKey: Buffer.from(balancer.cookieKey).toString("base64"),
  }));
  const control = controlServer(balancer, state, now);
  // A second balancer on the same socket must not take the listeners of the first.
  if (await isAlive(socket)) {
    log("error", "another balancer answers on this socket", { code: "SocketInUse", socket });
    process.exit(3);
  }
  await restore(balancer, stateFile);
  try {
    await listenOnControl(control, socket);
  } catch (error) {
    log("error", "cannot listen on the control socket", {
      code: "SocketUnusable",
      socket,
      reason: error instanceof Error ? error.message : "",
    });
    process.exit(3);
  }
  setInterval(() => {
    balancer.sweep();
    if (state.problem !== undefined) void state.save().catch(() => undefined); // D4
  }, 1_000).unref();
  onSignals(balancer, control);
  log("info", "ready", {
    pid: process.pid,
    listeners: balancer.report().listeners.length,
    startupMs: Math.round(performance.now()),
  });
}

function onSignals(balancer: Balancer, control: Server): void {
  let stopping = false;
  const stop = async (signal: string): Promise<void> => {
    if (stopping) return;
    stopping = true;
    log("info", "stopping", { signal });
    setTimeout(() => process.exit(0), LIMITS.shutdownMs).unref();
    control.close();
    await balancer.stop();
    control.closeAllConnections();
    log("info", "stopped");
    process.exit(0);
  };
  process.on("SIGTERM", () => void stop("SIGTERM"));
  process.on("SIGINT", () => void stop("SIGINT"));
  process.on("SIGHUP", () => undefined);
  // A pipe of a control plane that has died must not take the balancer with it.
  process.stdout.on("error", () => undefined);
  process.stderr.on("error", () => undefined);
}

await main();
