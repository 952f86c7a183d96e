/**
 * A provider's process: a plugin that is started, says where it listens, and ends.
 *
 *   started --first line--> listening --ended by us | by itself--> gone
 *      '--no line in time | ended | a line that means nothing | another protocol--> refused, and gone
 *
 *  - It never outlives who started it: a shell between the two holds a pipe that closes with the control plane, however that
 *    ends, and takes its whole process group along.
 *  - It has a folder of its own for its socket and what it leaves lying about; that goes with it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { TerminalError } from "../../provider/provider.ts";
import type { Handshake } from "../../terraform/handshake.ts";
import { parseHandshake, pluginEnvironment } from "../../terraform/handshake.ts";

/** Of a program and its folder. When the plugin ends the reader of the pipe goes too; when the pipe ends all go. */
const WATCH = `exec 3<&0
"$0" </dev/null 3<&- & plugin=$!
( while read -r _ <&3; do :; done; rm -rf "$1"; kill -9 0 ) >/dev/null 2>&1 & watch=$!
wait $plugin; code=$?
kill -9 $watch 2>/dev/null
exit $code`;

const START = 60_000;
const END = 2_000;
/** Lines of its log that are kept to tell why it ended. */
const KEPT = 20;

export interface ProcessOptions {
  readonly binary: string;
  /** For people: `registry.terraform.io/hashicorp/random 3.5.1`. */
  readonly name: string;
  /** PEM. */
  readonly certificate: string;
  readonly onLog: (line: string) => void;
  /** Where it runs, absolute. */
  readonly folder: string;
  /** Milliseconds to say where it listens. */
  readonly patience?: number;
}

export class PluginProcess {
  readonly handshake: Handshake;
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #log: readonly string[];

  private constructor(
    child: ChildProcess,
    handshake: Handshake,
    ended: Promise<void>,
    log: readonly string[],
  ) {
    this.#child = child;
    this.handshake = handshake;
    this.ended = ended;
    this.#log = log;
  }

  get isRunning(): boolean {
    return isRunning(this.#child);
  }

  /** What it said last: may hold anything, secrets too. */
  get lastWords(): string {
    return lastWordsOf(this.#log);
  }

  /** Rejects with TerminalError when it is no plugin, or does not begin. */
  static async start(options: ProcessOptions): Promise<PluginProcess> {
    const folder = mkdtempSync(join(tmpdir(), "tutti-plugin-"));
    const child = spawn("/bin/sh", ["-c", WATCH, options.binary, folder], {
      cwd: options.folder,
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
      env: {
        ...process.env,
        ...pluginEnvironment(options.certificate),
        TMPDIR: folder,
        PLUGIN_UNIX_SOCKET_DIR: folder,
        TF_LOG: process.env["TF_LOG"] ?? "INFO",
      },
    });
    // Nothing that is written to it could be read: the pipe is there to be closed.
    child.stdin.on("error", () => undefined);
    const log: string[] = [];
    createInterface({ input: child.stderr }).on("line", (line) => {
      log.push(line);
      if (log.length > KEPT) log.shift();
      options.onLog(line);
    });
    const ended = new Promise<void>((resolve) => {
      const over = (): void => {
        child.stdin.destroy();
        rmSync(folder, { recursive: true, force: true });
        resolve();
      };
      child.once("error", over);
      child.once("close", over);
    });
    try {
      const handshake = await begun(child, ended, log, options);
      child.stdout.resume();
      return new PluginProcess(child, handshake, ended, log);
    } catch (error) {
      kill(child);
      throw error;
    }
  }

  /** `ask`: how it is asked to. Resolves when it is gone. */
  async end(ask: () => Promise<void>): Promise<void> {
    const timer = setTimeout(() => this.kill(), END);
    await Promise.race([ask(), this.ended]);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    kill(this.#child);
  }
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

function kill(child: ChildProcess): void {
  if (child.pid === undefined || !isRunning(child)) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

async function begun(
  child: ChildProcess,
  ended: Promise<void>,
  log: readonly string[],
  { name, patience = START }: ProcessOptions,
): Promise<Handshake> {
  const line = await firstLine(child, ended, patience);
  if (line === LATE)
    throw refusal("PluginSilent", name, `did not say where it listens within ${patience / 1000} s`, log);
  if (line === ENDED) throw refusal("PluginEnded", name, "ended as soon as it was started", log);
  const handshake = parseHandshake(line);
  if (handshake === undefined)
    throw refusal("PluginUnknown", name, "is no provider of Terraform: its first line is no handshake", log);
  const { protocol } = handshake;
  if (protocol !== 5 && protocol !== 6)
    throw refusal("PluginProtocol", name, `speaks protocol ${protocol}, and not 5 or 6`, log);
  return { ...handshake, protocol };
}

const LATE = Symbol("late");
const ENDED = Symbol("ended");

async function firstLine(
  child: ChildProcess,
  ended: Promise<void>,
  patience: number,
): Promise<string | typeof LATE | typeof ENDED> {
  const { stdout } = child;
  if (stdout === null) return ENDED;
  let timer: NodeJS.Timeout | undefined;
  const lines = createInterface({ input: stdout });
  const line = new Promise<string>((resolve) => lines.once("line", resolve));
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(() => resolve(LATE), patience);
  });
  try {
    return await Promise.race([line, late, ended.then((): typeof ENDED => ENDED)]);
  } finally {
    clearTimeout(timer);
    lines.close();
  }
}

function refusal(code: string, name: string, problem: string, log: readonly string[]): TerminalError {
  const words = lastWordsOf(log);
  return new TerminalError({
    code,
    message: `The provider ${name} ${problem}.${words === "" ? "" : ` It said: ${words}`}`,
    hint: "Look at the package: is it of this machine's platform, and whole? Another version may do.",
  });
}

function lastWordsOf(log: readonly string[]): string {
  const telling = log.findLast((line) => /panic|error|fatal/i.test(line)) ?? log.at(-1) ?? "";
  return telling.slice(0, 300);
}
