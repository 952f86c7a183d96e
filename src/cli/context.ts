/** What every command is given: streams, flags that all share, and the way to the control plane. */
import type { Client } from "../client/client.ts";
import type { Draft } from "../model/resource.ts";
import type { ControlPlaneAccess, Environment } from "./environment.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { type Style, colourStyle, plainStyle } from "./views/style.ts";

export type OutputFormat = "table" | "wide" | "name" | "json" | "yaml";

/** Options of every verb. */
export interface GlobalOptions {
  readonly home?: string;
  readonly namespace?: string;
  readonly output?: string;
  readonly quiet?: boolean;
  /** False with --no-color. */
  readonly color?: boolean;
}

export class CommandContext {
  readonly environment: Environment;
  readonly namespace: string;
  /** By flag or environment; else it is only the usual one. */
  readonly isNamespaceGiven: boolean;
  readonly output: OutputFormat;
  /** Where the result is to be written, of a verb that writes one: `-o plan.json`. */
  readonly outputFile: string | undefined;
  readonly quiet: boolean;
  readonly style: Style;
  /** Of standard error, where progress and questions go. */
  readonly errorStyle: Style;
  readonly #home: string | undefined;
  readonly #abort = new AbortController();
  readonly #release: (() => void)[] = [];
  #access: Promise<ControlPlaneAccess> | undefined;
  #client: Client | undefined;

  constructor(environment: Environment, options: GlobalOptions) {
    this.environment = environment;
    this.#home = options.home;
    const namespace = options.namespace ?? environment.env["TUTTI_NAMESPACE"];
    this.isNamespaceGiven = namespace !== undefined;
    this.namespace = namespace ?? "default";
    const output = options.output ?? "table";
    this.outputFile = isOutputFile(output) ? output : undefined;
    this.output = (this.outputFile === undefined ? output : "table") as OutputFormat;
    this.quiet = options.quiet ?? false;
    this.style = coloured(environment, environment.stdout.isTTY, options) ? colourStyle : plainStyle;
    this.errorStyle = coloured(environment, environment.stderr.isTTY, options) ? colourStyle : plainStyle;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** True when a person sits at both ends. */
  get isInteractive(): boolean {
    return this.environment.stdin.isTTY === true && this.environment.stderr.isTTY === true;
  }

  /** True when results are for programs. */
  get isStructured(): boolean {
    return this.output === "json" || this.output === "yaml";
  }

  /** From here on Ctrl-C aborts the signal instead of ending the process; the command then says how to go on. */
  listenToInterrupts(): void {
    this.#release.push(
      this.environment.onInterrupt(() =>
        this.#abort.abort(new CommandFailure(EXIT.interrupted, "Interrupted.")),
      ),
    );
  }

  /** Ends whatever follows: nobody reads any more. */
  cancel(): void {
    this.#abort.abort(new CommandFailure(EXIT.ok, ""));
  }

  access(): Promise<ControlPlaneAccess> {
    return (this.#access ??= Promise.resolve(this.environment.controlPlane(this.#home)));
  }

  /** The running control plane. Fails with exit code 4 when there is none. */
  async client(): Promise<Client> {
    const client = this.#client ?? (await (await this.access()).connect());
    if (client === undefined)
      throw new CommandFailure(
        EXIT.unreachable,
        "No control plane is running.",
        "Start one with 'tutti up <folder>' or 'tutti serve'.",
      );
    return (this.#client = client);
  }

  /** As `client`, but starts a control plane in the background when none runs. */
  async clientStarting(onStart: () => void): Promise<Client> {
    const access = await this.access();
    const running = this.#client ?? (await access.connect());
    if (running === undefined) onStart();
    return (this.#client = running ?? (await access.start()));
  }

  async connected(): Promise<Client | undefined> {
    return (this.#client ??= await (await this.access()).connect());
  }

  /** What people have declared as kinds of their own may be named from now on, where a control plane runs that knows of it. */
  async learnKinds(): Promise<void> {
    try {
      const client = await this.connected();
      if (client === undefined) return;
      // Loaded here: what connects to nothing needs no kinds.
      const [{ DEFINITION, learnAll }, { kindNamed }] = await Promise.all([
        import("../kinds/declared-kinds.ts"),
        import("../kinds/registry.ts"),
      ]);
      const definition = kindNamed(DEFINITION);
      if (definition === undefined) return;
      const { items } = await client.list(definition, { signal: this.signal });
      learnAll(items as readonly Draft[]);
    } catch {
      // Whatever is the matter with it, the command itself will say.
    }
  }

  /** Text for people or programs: the command's result. */
  print(text: string): void {
    if (text !== "") this.environment.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  }

  /** Progress and remarks; not with --quiet. */
  say(text: string): void {
    if (!this.quiet) this.environment.stderr.write(`${text}\n`);
  }

  /** Problems; also with --quiet. */
  complain(text: string): void {
    this.environment.stderr.write(`${text}\n`);
  }

  close(): void {
    for (const release of this.#release) release();
    this.#client?.close();
  }
}

/** A path instead of a format. */
export function isOutputFile(output: string): boolean {
  return output.endsWith(".json") && output !== ".json";
}

/** https://no-color.org, and FORCE_COLOR for those who pipe into a pager. */
function coloured(
  environment: Environment,
  isTerminal: boolean | undefined,
  options: GlobalOptions,
): boolean {
  const { env } = environment;
  if (options.color === false || (env["NO_COLOR"] ?? "") !== "") return false;
  if ((env["FORCE_COLOR"] ?? "") !== "" && env["FORCE_COLOR"] !== "0") return true;
  return isTerminal === true && env["TERM"] !== "dumb";
}
