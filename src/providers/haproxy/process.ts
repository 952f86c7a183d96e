/**
 * The HAProxy process of one balancer: a master that the server host supervises, and the worker that it reloads.
 *
 *   down --start--> worker of frame A --reload--> worker of frame B, the old one ends with its last connection
 *
 *  - The pid of the master stays for as long as it lives; listening sockets pass from worker to worker.
 *  - A configuration is checked before it gets its place; when a worker does not come up with it, the former one serves
 *    on and gets its file back.
 */
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Clock } from "../../clock/clock.ts";
import { type Identity, TerminalError } from "../../provider/provider.ts";
import type { ServerHost } from "../../provider/server-host.ts";
import type { Frame, Server } from "./configuration.ts";
import { type Backend, FILES } from "./layout.ts";
import { PortTaken } from "./listeners.ts";
import { check } from "./program.ts";
import { writeWhole } from "./record.ts";
import { Runtime, isAway } from "./runtime.ts";
import { type Client, readClients, writeClients } from "./tables.ts";

const START_PATIENCE = 30_000;
const LOOK = 10;
const LEARNT = "yes yes\n";
const STOP_GRACE = 5_000;
const NO_SERVERS = "1\n";

export interface Place {
  readonly host: ServerHost;
  readonly clock: Clock;
  readonly identity: Identity;
}

/** What a process is to run. */
export interface Intent {
  readonly program: string;
  readonly frame: Frame;
  readonly serversOf: (backend: Backend) => readonly Server[];
  /** Called when nothing stands against it any more, before it is in force; the result takes that back. */
  readonly remember: () => () => void;
}

export class Process {
  readonly folder: string;
  readonly runtime: Runtime;
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
    this.folder = place.host.folder("balancers", place.identity);
    this.runtime = new Runtime(this.#socket);
  }

  get isRunning(): boolean {
    return this.#place.host.find(this.#place.identity) !== undefined;
  }

  /** Digest of the frame that the current worker runs; undefined when there is none, or it does not answer. */
  async frame(): Promise<string | undefined> {
    const { current } = await this.runtime.workers();
    if (current === undefined) return undefined;
    return /^description: (\S+)/im.exec(await this.runtime.ask(current, "show info"))?.[1];
  }

  /** @throws TerminalError when HAProxy refuses the configuration, PortTaken when a port is somebody else's. */
  async run(intent: Intent): Promise<void> {
    const { frame, program } = intent;
    for (const [path, text] of frame.files) writeWhole(this.folder, path, text);
    writeWhole(this.folder, FILES.learnt, LEARNT);
    writeWhole(this.folder, FILES.candidate, frame.text(intent.serversOf));
    if (!existsSync(join(this.folder, FILES.servers))) writeWhole(this.folder, FILES.servers, NO_SERVERS);
    const problems = await check(program, this.folder, FILES.candidate);
    if (problems.length > 0) {
      rmSync(join(this.folder, FILES.candidate));
      throw new TerminalError({
        code: "ConfigurationRefused",
        path: "spec",
        message: `HAProxy refuses the configuration: ${problems.join("; ")}`,
        hint: "Change the listeners or routes; what was in force before still is.",
      });
    }
    if (this.isRunning) await this.#reload(intent);
    else await this.#start(intent);
  }

  async stop(): Promise<void> {
    const { host, identity } = this.#place;
    await host.stop(identity, { signal: "SIGUSR1", graceMs: STOP_GRACE });
    host.discardLog(join(this.folder, FILES.log));
    await host.discard(this.folder);
    rmSync(this.#socket, { force: true });
  }

  get #socket(): string {
    return this.#place.host.socket(this.#place.identity, "master");
  }

  get #logSize(): number {
    const file = join(this.folder, FILES.log);
    return existsSync(file) ? statSync(file).size : 0;
  }

  async #start({ program, frame, remember }: Intent): Promise<void> {
    const { host, identity } = this.#place;
    writeWhole(this.folder, FILES.servers, NO_SERVERS);
    const forget = remember();
    renameSync(join(this.folder, FILES.candidate), join(this.folder, FILES.configuration));
    const from = this.#logSize;
    await host.start(identity, {
      command: [program, "-W", "-S", `${this.#socket},mode,600`, "-f", FILES.configuration],
      env: { PATH: dirname(program) },
      cwd: this.folder,
      logFile: join(this.folder, FILES.log),
    });
    try {
      await this.#until(async () => {
        if (!this.isRunning) throw this.#failure(from, "ended while it started");
        return (await this.frame()) === frame.digest;
      });
    } catch (error) {
      forget();
      throw error;
    }
  }

  async #reload({ frame, remember }: Intent): Promise<void> {
    const [now, former] = [FILES.configuration, `${FILES.configuration}.former`].map((name) =>
      join(this.folder, name),
    ) as [string, string];
    const before = await this.runtime.workers();
    await this.#saveHealth(before.current);
    const forget = remember();
    if (existsSync(now)) copyFileSync(now, former);
    renameSync(join(this.folder, FILES.candidate), now);
    const from = this.#logSize;
    const clients = before.current === undefined ? [] : await readClients(this.runtime, before.current);
    writeWhole(this.folder, FILES.learnt, "");
    await this.runtime.reload();
    try {
      await this.#until(async () => {
        if (!this.isRunning) throw this.#failure(from, "ended while it reloaded");
        const { current, failed } = await this.runtime.workers();
        if (failed > before.failed) throw this.#failure(from, "did not take the new configuration");
        return current !== before.current && (await this.frame()) === frame.digest;
      });
    } catch (error) {
      if (existsSync(former)) renameSync(former, now);
      forget();
      throw error;
    }
    rmSync(former, { force: true });
    await this.#learn(before.current, clients);
  }

  /** Gives the new worker what the former knew of its clients; the former one knows more as long as it lives. */
  async #learn(former: number | undefined, clients: readonly Client[]): Promise<void> {
    const { current, old } = await this.runtime.workers();
    if (current === undefined) return;
    const later = former !== undefined && old.includes(former) ? await readClients(this.runtime, former) : [];
    const all = new Map([...clients, ...later].map((one) => [`${one.table} ${one.key}`, one]));
    await writeClients(this.runtime, current, [...all.values()]);
    await this.runtime.tell(current, [`add map ${FILES.learnt} yes yes`]);
    writeWhole(this.folder, FILES.learnt, LEARNT);
  }

  /** So that the next worker sends nothing to a server whose checks fail; who is out stands in the configuration. */
  async #saveHealth(worker: number | undefined): Promise<void> {
    const text = worker === undefined ? "" : await this.runtime.ask(worker, "show servers state");
    const kept = text.split("\n").filter((line, index) => {
      const [, , , , , operational, administrative] = line.split(" ");
      return index === 0 || line.startsWith("#") || (operational === "0" && administrative === "0");
    });
    writeWhole(this.folder, FILES.servers, text.startsWith(NO_SERVERS) ? `${kept.join("\n")}\n` : NO_SERVERS);
  }

  /** The control socket is away for moments, in a start and in a reload. */
  async #until(isSo: () => Promise<boolean>): Promise<void> {
    const { clock } = this.#place;
    const deadline = clock.now() + START_PATIENCE;
    for (;;) {
      try {
        if (await isSo()) return;
      } catch (error) {
        if (!isAway(error)) throw error;
      }
      if (clock.now() > deadline) throw new Error("HAProxy does not answer its control socket.");
      await clock.sleep(LOOK);
    }
  }

  #failure(from: number, what: string): Error {
    const file = join(this.folder, FILES.log);
    const text = existsSync(file) ? readFileSync(file).subarray(from).toString() : "";
    const taken = /Address already in use\).*\[[^\]]*:(\d+)\]/.exec(text)?.[1];
    if (taken !== undefined) return new PortTaken(Number(taken));
    const reason = text
      .split("\n")
      .find((line) => line.includes("[ALERT]"))
      ?.trim();
    return new Error(`HAProxy ${what}${reason === undefined ? "" : `: ${reason}`}`);
  }
}
