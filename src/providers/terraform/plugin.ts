/** A provider that runs: its process, the connection to it, and what it says of its types. */
import { PluginClient } from "../../terraform/client.ts";
import { type PluginDiagnostic, diagnosticsOf } from "../../terraform/diagnostic.ts";
import type { CallName } from "../../terraform/descriptor.ts";
import { makeCertificate } from "../../terraform/identity.ts";
import type { Calls } from "../../terraform/messages.ts";
import { encodeValue } from "../../terraform/msgpack.ts";
import { type Schema, schemaOf } from "../../terraform/schema.ts";
import type { Members } from "../../terraform/value.ts";
import { TerminalError } from "../../provider/provider.ts";
import type { Package } from "./packages.ts";
import { PluginProcess } from "./process.ts";

/** What providers are told of who asks: the version of Terraform whose calls these are. */
const TERRAFORM = "1.11.4";

export interface StartOptions {
  readonly onLog: (line: string) => void;
  /** Where it runs, absolute. */
  readonly folder: string;
  readonly now: number;
  /** Milliseconds to say where it listens. */
  readonly patience?: number;
}

type SchemaAnswer = Calls["schema"][1];

export class Plugin {
  readonly package: Package;
  readonly provider: Schema;
  readonly planDestroy: boolean;
  readonly protocol: number;
  readonly #process: PluginProcess;
  readonly #client: PluginClient;
  readonly #answer: SchemaAnswer;
  readonly #schemas = new Map<string, Schema>();
  #isStopped = false;

  private constructor(from: Package, process: PluginProcess, client: PluginClient, answer: SchemaAnswer) {
    this.package = from;
    this.#process = process;
    this.#client = client;
    this.#answer = answer;
    this.provider = schemaOf(answer.provider ?? {});
    this.planDestroy = answer.server_capabilities?.plan_destroy === true;
    this.protocol = client.protocol;
  }

  /** Rejects with TerminalError when it is no plugin, or does not begin. */
  static async start(from: Package, options: StartOptions): Promise<Plugin> {
    const own = await makeCertificate(options.now);
    const name = `${from.source} ${from.version}`;
    const { onLog, folder, patience } = options;
    const process = await PluginProcess.start({
      binary: from.binary,
      name,
      certificate: own.certificate,
      onLog,
      folder,
      ...(patience === undefined ? {} : { patience }),
    });
    try {
      const client = await PluginClient.connect(process.handshake, own, process.ended);
      const answer = await client.call("schema", {});
      const [problem] = diagnosticsOf(answer.diagnostics);
      if (problem?.severity === "error")
        throw new TerminalError({
          code: "PluginSchema",
          message: `The provider ${name} has no schema: ${problem.summary}`,
        });
      return new Plugin(from, process, client, answer);
    } catch (error) {
      process.kill();
      throw error;
    }
  }

  get isRunning(): boolean {
    return this.#process.isRunning;
  }

  get ended(): Promise<void> {
    return this.#process.ended;
  }

  get lastWords(): string {
    return this.#process.lastWords;
  }

  get resourceTypes(): readonly string[] {
    return Object.keys(this.#answer.resource_schemas);
  }

  get dataTypes(): readonly string[] {
    return Object.keys(this.#answer.data_source_schemas);
  }

  /** Undefined for a type that it does not know. */
  schema(kind: "resource" | "data", type: string): Schema | undefined {
    const key = `${kind} ${type}`;
    const known = this.#schemas.get(key);
    if (known !== undefined) return known;
    const all = kind === "data" ? this.#answer.data_source_schemas : this.#answer.resource_schemas;
    const wire = Object.hasOwn(all, type) ? all[type] : undefined;
    if (wire === undefined) return undefined;
    const schema = schemaOf(wire);
    this.#schemas.set(key, schema);
    return schema;
  }

  call<N extends CallName>(name: N, request: Calls[N][0], signal?: AbortSignal): Promise<Calls[N][1]> {
    return this.#client.call(name, request, signal);
  }

  /** Resolves with what it complains about; it is of use when none of that is an error. */
  async configure(config: Members, signal?: AbortSignal): Promise<readonly PluginDiagnostic[]> {
    const value = { msgpack: encodeValue(config, this.provider.type) };
    const checked = await this.call("validateProvider", { config: value }, signal);
    const problems = diagnosticsOf(checked.diagnostics);
    if (problems.some(({ severity }) => severity === "error")) return problems;
    const prepared = checked.prepared_config;
    const configured = await this.call(
      "configure",
      {
        terraform_version: TERRAFORM,
        config: (prepared?.msgpack?.length ?? 0) > 0 && prepared != null ? prepared : value,
        client_capabilities: { write_only_attributes_allowed: true },
      },
      signal,
    );
    return [...problems, ...diagnosticsOf(configured.diagnostics)];
  }

  /** It was told to stop, and is of no use any more. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** What is under way ends as soon as it can; nothing else can be begun. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.call("stop", {}).catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.#process.end(() => this.#client.shutDown());
    this.#client.close();
  }

  kill(): void {
    this.#client.close();
    this.#process.kill();
  }
}
