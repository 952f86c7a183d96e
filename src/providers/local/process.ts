/**
 * Class `process`: instances as supervised processes of this machine.
 *
 *  - A process is found by its id (namespace, name, uid), which it carries in its environment: nothing is kept here that a
 *    restarted control plane could not see (P2).
 *  - Values of secrets are opened for the process' environment only, and taken out of what its log is read into (I10).
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { availableParallelism, freemem, totalmem } from "node:os";
import { resolve } from "node:path";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { formatDuration, parseDuration } from "../../model/duration.ts";
import type { Keyring } from "../../model/sealed.ts";
import {
  type ExecSession,
  type Exit,
  type Identity,
  type InstanceProvider,
  type InstanceSpec,
  type InstanceStats,
  type LogLine,
  type LogOptions,
  type Obstacle,
  type Prospect,
  type CallContext,
  type Capacity,
  type Started,
  fileTooLarge,
} from "../../provider/provider.ts";
import { machineCapacities } from "../../provider/machine-capacity.ts";
import { redact, secretsIn, tellingLine } from "../../provider/redaction.ts";
import { processSpec } from "./command.ts";
import { completionFiles, exitIn, merged, removeCompletion, writeInput } from "./completion.ts";
import { type Home, identityOfProcess, isInstance, processId } from "./home.ts";
import { copyObstacles, portObstacles, portsIn, programObstacles } from "./obstacles.ts";
import { execBeside } from "./supervisor/exec.ts";
import { removeLog } from "./supervisor/log-files.ts";
import { type LogLine as ReadLine, readLog } from "./supervisor/log-reader.ts";
import type { LogWatch } from "./supervisor/log-watch.ts";
import { allocatePorts } from "../../provider/ports.ts";
import type { ProcessExit, ProcessSpec } from "./supervisor/process-spec.ts";
import { programToStart } from "./supervisor/spawn.ts";
import type { Supervisor } from "./supervisor/supervisor.ts";

export interface ProcessProviderOptions {
  readonly home: Home;
  readonly supervisor: Supervisor;
  readonly logs: LogWatch;
  readonly keyring: Keyring;
}

const HOST = "127.0.0.1";
/** What is read of a log's end to say why a process ended. */
const LAST_WORDS = 4096;

export class ProcessProvider implements InstanceProvider {
  readonly class = "process";
  readonly capabilities: readonly string[] = [
    "runs programs of this machine as processes that outlive the control plane",
    "gives ports, environment, working directory, volumes by path",
    "enforces memory and CPU limits where control groups can be written",
    "does not isolate files or networks",
  ];
  readonly #options: ProcessProviderOptions;
  /** When each was started and which secret values its log may hold, by process id. */
  readonly #running = new Map<
    string,
    { readonly startedAt: number; readonly secrets: readonly string[]; readonly logFile: string }
  >();
  /** Ids of those that ran to their end and were killed for it. */
  readonly #outOfMemory = new Set<string>();
  #allocations = 0;

  constructor(options: ProcessProviderOptions) {
    this.#options = options;
  }

  async obstacles(prospect: Prospect): Promise<readonly Obstacle[]> {
    const ports = await portObstacles(this.#options.home, portsIn(prospect.spec, "ports"));
    return [...programObstacles(prospect), ...copyObstacles(prospect), ...ports];
  }

  capacities(): Promise<readonly Capacity[]> {
    const memory = totalmem();
    const memoryUsed = memory - freemem();
    return Promise.resolve(machineCapacities({ cores: availableParallelism(), memory, memoryUsed }));
  }

  async start(identity: Identity, spec: InstanceSpec, context: CallContext): Promise<Started> {
    const { home, supervisor, logs, keyring } = this.#options;
    const process = processSpec(identity, spec, home, keyring);
    if (spec.run.once !== undefined) this.#prepare(identity, spec, process);
    const started = await supervisor.start(process);
    this.#running.set(process.id, {
      startedAt: context.clock.now(),
      secrets: secretsIn(spec.run.env, keyring),
      logFile: process.logFile,
    });
    logs.add(process.logFile);
    if (spec.run.once !== undefined) logs.add(completionFiles(home, identity).error);
    const limits = [
      ...started.enforced.map((limit) => `${limit} enforced`),
      ...started.unenforced.map(({ limit, reason }) => `${limit} not enforced: ${reason}`),
    ];
    return { identity: { pid: started.pid, startTime: started.startTime }, host: HOST, limits };
  }

  /** What the shell around it reads; and what it would say of a program that is not there. */
  #prepare(identity: Identity, spec: InstanceSpec, process: ProcessSpec): void {
    const { home, supervisor, keyring } = this.#options;
    if (supervisor.find(process.id) !== undefined) return;
    const { command = [] } = spec.run;
    const problem = typeof command === "string" ? "" : programToStart({ ...process, command });
    if (typeof problem !== "string") throw new DiagnosticError([problem]);
    writeInput(completionFiles(home, identity), keyring.openAll(spec.run.once?.input ?? ""));
  }

  ended(identity: Identity, spec: InstanceSpec): Promise<Exit | undefined> {
    const { supervisor, home } = this.#options;
    const id = processId(identity);
    if (spec.run.once === undefined || supervisor.find(id) !== undefined) return Promise.resolve(undefined);
    const { code = null, signal = "SIGKILL" } = exitIn(completionFiles(home, identity)) ?? {};
    if (supervisor.releaseUnwatched(id)) this.#outOfMemory.add(id);
    const isOutOfMemory = this.#outOfMemory.has(id);
    if (code === null && !isOutOfMemory) return Promise.resolve(undefined);
    const message = signal === null ? `exited with code ${String(code)}` : `was ended by ${signal}`;
    return Promise.resolve({
      identity,
      code,
      signal,
      message: isOutOfMemory ? "was killed because it used more memory than it may" : message,
      ...(isOutOfMemory ? { isOutOfMemory } : {}),
    });
  }

  running(kind: string): Promise<readonly Identity[]> {
    const found = this.#options.supervisor.list().flatMap(({ id }) => identityOfProcess(id) ?? []);
    return Promise.resolve(found.filter((identity) => identity.kind === kind));
  }

  async fileOf(
    _identity: Identity,
    spec: InstanceSpec,
    path: string,
    most: number,
  ): Promise<Uint8Array | undefined> {
    const file = resolve(spec.run.folder, spec.run.workingDirectory, path);
    const found = await stat(file).catch(() => undefined);
    if (found === undefined || !found.isFile()) return undefined;
    if (found.size > most) throw fileTooLarge(path, most);
    return readFile(file);
  }

  find(identity: Identity): Promise<Started | undefined> {
    const { supervisor, home, logs } = this.#options;
    const running = supervisor.find(processId(identity));
    if (running === undefined) return Promise.resolve(undefined);
    logs.add(home.logOf(identity.namespace, identity.name));
    return Promise.resolve({
      identity: { pid: running.pid, startTime: running.startTime },
      host: HOST,
      limits: [],
    });
  }

  async stop(identity: Identity, spec: InstanceSpec): Promise<void> {
    const { stop } = spec.run;
    await this.#options.supervisor.stop(processId(identity), {
      signal: stop.signal as NodeJS.Signals,
      graceMs: parseDuration(stop.grace),
    });
  }

  purge(identity: Identity, spec: InstanceSpec, { keepLog }: { readonly keepLog: boolean }): Promise<void> {
    const { home, logs } = this.#options;
    const file = home.logOf(identity.namespace, identity.name);
    logs.delete(file);
    this.#running.delete(processId(identity));
    if (keepLog && existsSync(file)) {
      const previous = previousLog(home, identity.namespace, spec.service);
      removeLog(previous);
      renameSync(file, previous);
      redactFile(previous, secretsIn(spec.run.env, this.#options.keyring));
    }
    removeLog(file);
    if (spec.run.once !== undefined) {
      const files = completionFiles(home, identity);
      logs.delete(files.error);
      removeLog(files.error);
      removeCompletion(files);
      this.#outOfMemory.delete(processId(identity));
    }
    return Promise.resolve();
  }

  forget(service: { readonly namespace: string; readonly name: string }): Promise<void> {
    const file = previousLog(this.#options.home, service.namespace, service.name);
    removeLog(file);
    rmSync(file, { force: true });
    return Promise.resolve();
  }

  onExit(listener: (exit: Exit) => void): () => void {
    return this.#options.supervisor.onExit((exit) => {
      if (exit.isOutOfMemory) this.#outOfMemory.add(exit.id);
      const identity = exit.requested ? undefined : identityOfProcess(exit.id);
      if (identity !== undefined && isInstance(identity))
        listener({ identity, code: exit.code, signal: exit.signal, message: this.#describe(exit, identity) });
    });
  }

  async allocatePorts(count: number, taken: ReadonlySet<number>): Promise<readonly number[]> {
    this.#allocations += 1;
    return allocatePorts({ seed: `${this.#options.home.folder} ${this.#allocations}`, taken }, count);
  }

  async *logs(identity: Identity, spec: InstanceSpec, options: LogOptions): AsyncIterable<LogLine> {
    const { home, keyring, supervisor } = this.#options;
    const secrets = secretsIn(spec.run.env, keyring);
    const file =
      options.previous === true
        ? previousLog(home, identity.namespace, spec.service)
        : home.logOf(identity.namespace, identity.name);
    const settings = {
      ...(options.tail === undefined ? {} : { tail: options.tail }),
      ...(options.since === undefined ? {} : { sinceTime: options.since }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      follow: options.follow === true && options.previous !== true,
      ended: () => supervisor.find(processId(identity)) === undefined,
    };
    if (spec.run.once === undefined)
      for await (const line of readLog(file, settings))
        yield { time: line.time ?? 0, text: redact(line.text, secrets) };
    else {
      const { error } = completionFiles(home, identity);
      yield* merged([
        linesOf(readLog(file, settings), "stdout", secrets),
        linesOf(readLog(error, settings), "stderr", secrets),
      ]);
    }
  }

  async exec(
    identity: Identity,
    spec: InstanceSpec,
    command: readonly string[],
    options: { readonly tty: boolean; readonly stdin: boolean },
    context: CallContext,
  ): Promise<ExecSession> {
    const { home, keyring } = this.#options;
    const session = await execBeside(home.folder, processSpec(identity, spec, home, keyring), command, {
      tty: options.tty,
      stdin: options.stdin,
      signal: context.signal,
    });
    return {
      stdout: session.stdout,
      stderr: session.stderr,
      write: (bytes) => void session.stdin?.write(bytes),
      endInput: () => void session.stdin?.end(),
      // The terminal that `script` makes has a fixed size.
      resize: () => {},
      kill: () => session.kill("SIGKILL"),
      exitCode: session.exit,
    };
  }

  stats(identities: readonly Identity[]): Promise<ReadonlyMap<string, InstanceStats>> {
    const uids = new Map(identities.map((identity) => [processId(identity), identity.uid]));
    const found = this.#options.supervisor.stats([...uids.keys()]);
    return Promise.resolve(
      new Map(
        [...found].map(([id, { residentBytes, cpuSeconds, openFiles, maxOpenFiles }]) => [
          uids.get(id) ?? "",
          {
            cpuSeconds,
            memoryBytes: residentBytes,
            ...(openFiles === undefined ? {} : { openFiles }),
            ...(maxOpenFiles === undefined ? {} : { maxOpenFiles }),
          },
        ]),
      ),
    );
  }

  #describe(exit: ProcessExit, identity: Identity): string {
    const running = this.#running.get(exit.id);
    const how =
      exit.signal !== null
        ? `ended by ${exit.signal}`
        : exit.code === null
          ? "ended"
          : `exited with code ${exit.code}`;
    const after = running === undefined ? "" : ` after ${formatDuration(exit.at - running.startedAt)}`;
    const words = lastLine(running?.logFile ?? this.#options.home.logOf(identity.namespace, identity.name));
    return words === "" || exit.signal === "SIGKILL"
      ? `${how}${after}.`
      : `${how}${after}: ${redact(words, running?.secrets ?? [])}`;
  }
}

async function* linesOf(
  lines: AsyncIterable<ReadLine>,
  stream: "stdout" | "stderr",
  secrets: readonly string[],
): AsyncGenerator<LogLine> {
  for await (const { time = 0, text, partial } of lines)
    yield { time, stream, text: redact(text, secrets), ...(partial ? { isPartial: true } : {}) };
}

function previousLog(home: Home, namespace: string, service: string): string {
  return home.logOf(namespace, `${service}.previous`);
}

/** Who reads it later may not know any more what was secret. Bytes stay bytes: both are taken as Latin-1. */
function redactFile(file: string, secrets: readonly string[]): void {
  if (secrets.length === 0) return;
  const text = readFileSync(file, "latin1");
  const redacted = redact(
    text,
    secrets.map((secret) => Buffer.from(secret).toString("latin1")),
  );
  if (redacted !== text) writeFileSync(file, redacted, { encoding: "latin1", mode: 0o600 });
}

/** The line that says why a program ended. */
function lastLine(file: string): string {
  try {
    const descriptor = openSync(file, "r");
    try {
      const { size } = fstatSync(descriptor);
      const buffer = Buffer.alloc(Math.min(size, LAST_WORDS));
      readSync(descriptor, buffer, 0, buffer.length, size - buffer.length);
      return tellingLine(buffer.toString("utf8"));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return "";
  }
}
