/**
 * A Prometheus and an Alertmanager of this machine, as processes.
 *
 *   nothing --ports written down, files there--> started --answers--> ready --killed--> started again, at the same ports
 *
 *  - Ports are written down before anything listens: whoever comes after a kill finds them.
 *  - What Prometheus tells an Alertmanager that is away is lost, also for five seconds after each reload; so it tells all
 *    of it again after RESEND. An alert is over for the Alertmanager four times that after Prometheus fell silent.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Identity, TerminalError } from "../../provider/provider.ts";
import { tellingLine } from "../../provider/redaction.ts";
import type { ServerHost } from "../../provider/server-host.ts";
import { inUserNamespace, userNamespacesWork } from "../../provider/user-namespace.ts";
import { FILES } from "./configuration.ts";
import { type Program, locate, missing } from "./program.ts";
import { isReady } from "./remote.ts";
import { readText, writeText } from "./trial.ts";

export const PROGRAMS: readonly Program[] = ["alertmanager", "prometheus"];

export type Ports = Readonly<Record<Program, number>>;

const READY_PATIENCE = 30_000;
const LOOK = 50;
const STOP_GRACE = 10_000;
const RESEND = "15s";
const LOG_TAIL = 4096;

export class Servers {
  readonly #host: ServerHost;
  readonly #folders: readonly string[];

  /** `folders`: where programs are looked for. */
  constructor(host: ServerHost, folders: readonly string[]) {
    this.#host = host;
    this.#folders = folders;
  }

  runs(identity: Identity, program: Program): boolean {
    return this.#host.find(identity, program) !== undefined;
  }

  /** Free ones, the same as before where possible; those of what runs. */
  async ports(identity: Identity, folder: string): Promise<Ports> {
    const file = join(folder, FILES.ports);
    const before = portsIn(folder);
    const ports = {
      alertmanager: await this.#port(identity, "alertmanager", before),
      prometheus: await this.#port(identity, "prometheus", before),
    };
    writeText(file, `${JSON.stringify(ports)}\n`, 0o600);
    return ports;
  }

  /** Resolves when both answer; says whether one of them was started. */
  async start(identity: Identity, folder: string, ports: Ports): Promise<boolean> {
    let isNew = false;
    for (const program of PROGRAMS) {
      const started = await this.#start(identity, program, folder, ports[program]);
      isNew ||= started;
    }
    for (const program of PROGRAMS) await this.#untilReady(identity, program, folder, ports[program]);
    return isNew;
  }

  async stop(identity: Identity, folder: string): Promise<void> {
    for (const purpose of PROGRAMS.toReversed()) {
      await this.#host.stop(identity, { purpose, graceMs: STOP_GRACE });
      this.#host.discardLog(join(folder, `${purpose}.log`));
    }
  }

  async #port(identity: Identity, program: Program, before: Ports | undefined): Promise<number> {
    const wished = before?.[program];
    if (this.runs(identity, program)) {
      if (wished !== undefined) return wished;
      // Nobody knows where it listens.
      await this.#host.stop(identity, { purpose: program, graceMs: STOP_GRACE });
    }
    const taken = new Set(Object.values(before ?? {}).filter((port) => port !== wished));
    const port = await this.#host.freePort({
      ...(wished === undefined ? {} : { wished }),
      taken,
      seed: `${identity.uid} ${program}`,
    });
    if (port !== undefined) return port;
    throw new TerminalError({
      code: "NoFreePort",
      path: "spec",
      message: `There is no free port for ${program}.`,
      hint: "Stop something that listens.",
    });
  }

  async #start(identity: Identity, program: Program, folder: string, port: number): Promise<boolean> {
    const path = await locate(program, this.#folders);
    if (path === undefined) throw new TerminalError(missing(program));
    const data = join(folder, `${program}-data`);
    mkdirSync(data, { recursive: true, mode: 0o700 });
    const command = [
      path,
      `--config.file=${join(folder, FILES[program])}`,
      `--web.listen-address=127.0.0.1:${port}`,
      `--web.external-url=${urlOf(port)}`,
      "--log.level=warn",
      ...FLAGS[program](data),
    ];
    const { started } = await this.#host.start(
      identity,
      {
        command: await withoutPowers(command),
        env: { PATH: process.env["PATH"] ?? "", HOME: folder },
        cwd: folder,
        logFile: join(folder, `${program}.log`),
      },
      program,
    );
    return started;
  }

  async #untilReady(identity: Identity, program: Program, folder: string, port: number): Promise<void> {
    const deadline = performance.now() + READY_PATIENCE;
    while (!(await isReady(urlOf(port)))) {
      if (!this.runs(identity, program))
        throw new Error(`${program} has ended: ${lastWords(join(folder, `${program}.log`))}`);
      if (performance.now() > deadline)
        throw new Error(
          `${program} does not answer at ${urlOf(port)}; its log is ${program}.log in ${folder}.`,
        );
      await sleep(LOOK);
    }
  }
}

/** Neither needs what root may do; their files stay those of the control plane. */
async function withoutPowers(command: readonly string[]): Promise<readonly string[]> {
  return process.getuid?.() === 0 && (await userNamespacesWork()) ? inUserNamespace(command) : command;
}

const FLAGS: Readonly<Record<Program, (data: string) => readonly string[]>> = {
  prometheus: (data) => [
    `--storage.tsdb.path=${data}`,
    "--storage.tsdb.retention.time=15d",
    "--web.enable-lifecycle",
    "--web.enable-remote-write-receiver",
    `--rules.alert.resend-delay=${RESEND}`,
    // Else each reload forgets all targets for a moment. Later versions do so anyway, and say that they know no such feature.
    "--enable-feature=new-service-discovery-manager",
  ],
  alertmanager: (data) => [`--storage.path=${data}`, "--cluster.listen-address="],
};

export function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

export function portsIn(folder: string): Ports | undefined {
  const text = readText(join(folder, FILES.ports));
  return text === null ? undefined : (JSON.parse(text) as Ports);
}

function lastWords(file: string): string {
  try {
    return tellingLine(readFileSync(file, "utf8").slice(-LOG_TAIL));
  } catch {
    return "it has left no log.";
  }
}
