/**
 * A program that is told: it gets the webhook's JSON on its standard input, no shell is involved, and it is killed with all
 * it started when its time is over.
 *
 * Exit 0 is delivered; 75 (EX_TEMPFAIL of sysexits.h), a signal or running out of time are tried again; all else is not.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Clock } from "../../../clock/clock.ts";
import type { CommandIntegration } from "../configuration/configuration.ts";
import { DeliveryError, type Notification } from "../integration.ts";
import { statusOf, webhookPayload } from "../notification.ts";
import { causeOf } from "./http.ts";

const TEMPORARY_FAILURE = 75;
/** What is kept of what the program prints, in bytes. */
const MAX_OUTPUT = 4096;
/** Of the control plane's own environment, which holds secrets. */
const INHERITED = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

export async function deliverToCommand(
  { options }: CommandIntegration,
  notification: Notification,
  { clock }: { readonly clock: Clock },
): Promise<void> {
  const [program = "", ...args] = options.command;
  const child = spawn(program, args, {
    // A process group of its own, to be killed as a whole.
    detached: true,
    stdio: ["pipe", "ignore", "pipe"],
    env: { ...inherited(), ...alertEnvironment(notification), ...options.environment },
  });
  const output = lastOutput(child, clock);
  // It may end without reading; that says nothing about how it went.
  child.stdin?.on("error", () => {});
  child.stdin?.end(JSON.stringify(webhookPayload(notification)));
  let isOver = false;
  const timer = clock.setTimeout(() => {
    isOver = true;
    killGroup(child);
  }, options.timeout);
  try {
    const { code, signal } = await exit(child, program);
    if (code === 0) return;
    const ended = isOver
      ? `did not end within ${options.timeout / 1000} s`
      : signal === null
        ? `ended with ${code}`
        : `was ended by ${signal}`;
    throw new DeliveryError(`${program} ${ended}${said(await output())}.`, {
      isTemporary: code === null || code === TEMPORARY_FAILURE,
      reason: isOver ? "timeout" : "other",
    });
  } finally {
    timer.cancel();
  }
}

interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

function exit(child: ChildProcess, program: string): Promise<Exit> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) =>
      reject(new DeliveryError(`${program} cannot be started: ${causeOf(error)}.`, { isTemporary: false })),
    );
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended this very moment.
  }
}

/** Milliseconds after its end for what it printed to arrive; whom it left behind may hold the pipe open for ever. */
const LAST_WORDS = 500;

function lastOutput({ stderr }: ChildProcess, clock: Clock): () => Promise<string> {
  let kept = Buffer.alloc(0);
  stderr?.on("data", (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-MAX_OUTPUT);
  });
  const ended = new Promise<void>((resolve) => stderr?.once("close", resolve));
  return async () => {
    await Promise.race([ended, clock.sleep(LAST_WORDS)]);
    return kept.toString();
  };
}

function said(output: string): string {
  const line = output.trim().split("\n").at(-1) ?? "";
  return line === "" ? "" : `: ${line.slice(0, 200)}`;
}

function inherited(): Record<string, string> {
  return Object.fromEntries(
    INHERITED.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

/** For programs that need no more than that. */
function alertEnvironment({ alerts, receiver, groupKey }: Notification): Record<string, string> {
  return { ALERT_STATUS: statusOf(alerts), ALERT_RECEIVER: receiver, ALERT_GROUP_KEY: groupKey };
}
