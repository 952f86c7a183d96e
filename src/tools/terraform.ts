/**
 * What Terraform's command line reads and says, for whoever drives it: settings of a backend, its messages line by line
 * ("Machine-Readable UI"), its outputs.
 */

export interface TerraformOutput {
  /** As Terraform writes types in JSON: `"string"`, `["list", "string"]`. */
  readonly type?: unknown;
  /** Absent when it is sensitive, or not known before it is applied. */
  readonly value?: unknown;
  readonly sensitive: boolean;
}

export interface TerraformPlan {
  readonly add: number;
  readonly change: number;
  readonly remove: number;
  readonly import: number;
  /** What is done to which resource, the first thousand. */
  readonly resources: readonly { readonly address: string; readonly action: string }[];
  /** Of a plan that is not applied yet. */
  readonly file?: string;
}

/** Of every call: nobody is asked, and nothing is told elsewhere. */
export const TERRAFORM_ENVIRONMENT: Readonly<Record<string, string>> = {
  TF_IN_AUTOMATION: "1",
  TF_INPUT: "0",
  CHECKPOINT_DISABLE: "1",
};

const MOST_RESOURCES = 1_000;
/** Lines of problems that a failure quotes. */
const QUOTED = 10;

/** JSON is an expression, but for its texts, in which nothing is to be worked out. */
function expression(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[$%]\{/g, (mark) => `${mark[0] ?? ""}${mark}`);
}

/** A file for `-backend-config`. */
export function backendSettings(backend: Readonly<Record<string, string>>): string {
  return Object.entries(backend)
    .map(([name, value]) => `${name} = ${expression(value)}\n`)
    .join("");
}

export function withoutSensitive(outputs: unknown): Record<string, TerraformOutput> {
  const all = (outputs ?? {}) as Readonly<
    Record<string, { readonly type?: unknown; readonly value?: unknown; readonly sensitive?: boolean }>
  >;
  return Object.fromEntries(
    Object.entries(all).map(([name, { type, value, sensitive = false }]) => [
      name,
      {
        ...(type === undefined ? {} : { type }),
        ...(sensitive || value === undefined ? {} : { value }),
        sensitive,
      },
    ]),
  );
}

interface Message {
  readonly type?: string;
  readonly "@message"?: string;
  readonly "@level"?: string;
  readonly outputs?: unknown;
  readonly changes?: {
    readonly add: number;
    readonly change: number;
    readonly remove: number;
    readonly import?: number;
    readonly operation: string;
  };
  readonly change?: { readonly resource: { readonly addr: string }; readonly action: string };
  readonly diagnostic?: { readonly summary: string; readonly detail: string };
}

/** Why it failed. `locked`: somebody else holds the state. `stale`: the state has moved since the plan was made. */
export interface TerraformFailure {
  readonly is: "locked" | "stale" | "failed";
  /** One sentence or more. */
  readonly message: string;
}

/** What it says of itself, a message a line. */
export class TerraformSaid {
  outputs: Readonly<Record<string, TerraformOutput>> = {};
  plan: TerraformPlan = { add: 0, change: 0, remove: 0, import: 0, resources: [] };
  readonly #problems: string[] = [];

  /** The line for people; undefined when there is nothing to say. */
  take(text: string, stream: "stdout" | "stderr"): string | undefined {
    const message = stream === "stdout" ? messageIn(text) : undefined;
    if (message === undefined) {
      if (stream === "stderr") this.#problem(text);
      return text;
    }
    if (message.type === "outputs") this.outputs = withoutSensitive(message.outputs);
    this.#count(message);
    if (message["@level"] === "error") {
      const { diagnostic, "@message": said = "" } = message;
      this.#problems.length = 0; // what init said before is no reason
      this.#problem(diagnostic === undefined ? said : `${diagnostic.summary}: ${diagnostic.detail}`);
    }
    return message["@message"];
  }

  failure(code: number): TerraformFailure {
    const said = this.#problems.join("\n");
    if (/acquiring the state lock/i.test(said))
      return { is: "locked", message: `Somebody else holds the lock of the state: ${said}` };
    if (/saved plan is stale/i.test(said))
      return { is: "stale", message: `The state has moved since the plan was made: ${said}` };
    return { is: "failed", message: `terraform exited with code ${code}: ${said}` };
  }

  #count({ type, change, changes }: Message): void {
    const { resources } = this.plan;
    if (type === "planned_change" && change !== undefined && resources.length < MOST_RESOURCES) {
      const planned = { address: change.resource.addr, action: change.action };
      this.plan = { ...this.plan, resources: [...resources, planned] };
    }
    if (type !== "change_summary" || changes === undefined) return;
    const { add, change: changed, remove, import: imported = 0 } = changes;
    // It is told in whatever order they were planned; the same plan is to read the same.
    const sorted = [...resources].sort((one, other) =>
      one.address.localeCompare(other.address, "en", { numeric: true }),
    );
    this.plan = { add, change: changed, remove, import: imported, resources: sorted };
  }

  #problem(text: string): void {
    if (text.trim() === "") return;
    if (this.#problems.push(text) > QUOTED) this.#problems.shift();
  }
}

function messageIn(text: string): Message | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    return JSON.parse(text) as Message;
  } catch {
    return undefined;
  }
}
