/**
 * `ansible`: drives the installed `ansible-playbook`.
 *
 * | what happens                      | error            | class     |
 * |-----------------------------------|------------------|-----------|
 * | tasks fail on a host              | TasksFailed      | Retryable |
 * | a host is not reached             | HostUnreachable  | Retryable |
 * | nothing was run at all            | PlaybookFailed   | Terminal  |
 *
 * Variables go by a file that only their owner reads, as data: nothing in them is worked out as a template. How each host
 * did is read from the recap, which is the last that it prints.
 */
import type { AnsibleStep } from "../workflow/definition/workflow.ts";
import { type Attempt, type StepType, TaskError } from "../workflow/engine/step-type.ts";
import { namespaceOf, stepOf } from "../workflow/step/attempt.ts";
import { pathIn } from "../workflow/step/folder.ts";
import { StepSecrets } from "../workflow/step/secrets.ts";
import { type ToolOptions, quoted, runTool } from "../workflow/step/tool.ts";

/** `ok`, `changed`, `unreachable`, `failed`, `skipped`, `rescued`, `ignored`. */
export type HostStats = Readonly<Record<string, number>>;

export interface AnsibleResult {
  readonly stats: Readonly<Record<string, HostStats>>;
}

const QUOTED = 10;

export function ansibleSteps(options: ToolOptions): StepType {
  return { execute: (attempt) => play(attempt, options) };
}

async function play(attempt: Attempt, options: ToolOptions): Promise<AnsibleResult> {
  const secrets = new StepSecrets(namespaceOf(attempt), options.readSecret);
  const step = stepOf(attempt, "ansible");
  const variables = secrets.open(step.variables ?? {});
  const stats: Record<string, HostStats> = {};
  const last: string[] = [];
  let isRecap = false;
  const { code } = await runTool(
    {
      tool: "ansible-playbook",
      script: commandOf(step),
      directory: pathIn(step.directory ?? ".", attempt, options.store),
      environment: {
        ANSIBLE_NOCOLOR: "1",
        ANSIBLE_FORCE_COLOR: "0",
        ANSIBLE_RETRY_FILES_ENABLED: "0",
        PYTHONUNBUFFERED: "1",
        LC_ALL: "C.UTF-8",
        ...step.environment,
      },
      files: {
        "variables.json": JSON.stringify(asData(variables)),
        ...(typeof step.inventory === "object" ? { "inventory.json": JSON.stringify(step.inventory) } : {}),
      },
      grace: step.grace ?? "30s",
      onLine: ({ text, stream }) => {
        attempt.log(text, stream);
        if (text.startsWith("PLAY RECAP")) isRecap = true;
        else if (isRecap) Object.assign(stats, statsIn(text));
        if (/^(fatal|ERROR|failed)/.test(text) || stream === "stderr") last.push(text);
        if (last.length > QUOTED) last.shift();
      },
    },
    attempt,
    secrets,
    options,
  );
  if (code !== 0) throw failureOf(code, stats, last);
  return { stats };
}

function commandOf({ playbook, inventory, tags = [], limit, check }: AnsibleStep): string {
  return [
    "ansible-playbook",
    ...(inventory === undefined
      ? []
      : ["-i", typeof inventory === "string" ? quoted(inventory) : '"$SCRATCH/inventory.json"']),
    "-e",
    '"@$SCRATCH/variables.json"',
    ...(tags.length === 0 ? [] : ["--tags", quoted(tags.join(","))]),
    ...(limit === undefined ? [] : ["--limit", quoted(limit)]),
    ...(check === true ? ["--check"] : []),
    "--",
    quoted(playbook),
  ].join(" ");
}

/** Texts marked as what they are: `__ansible_unsafe` is how its own JSON says that a text is no template. */
function asData(value: unknown): unknown {
  if (typeof value === "string") return value.includes("{") ? { __ansible_unsafe: value } : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(asData);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, asData(member)]));
}

/** `web1 : ok=2 changed=1 unreachable=0 failed=0`. */
function statsIn(line: string): Readonly<Record<string, HostStats>> {
  const match = /^(\S+)\s+:\s+((?:[a-z]+=\d+\s*)+)$/.exec(line);
  if (match === null) return {};
  const counts = (match[2] ?? "")
    .trim()
    .split(/\s+/)
    .map((pair) => pair.split("="));
  return { [match[1] ?? ""]: Object.fromEntries(counts.map(([name, count]) => [name ?? "", Number(count)])) };
}

function failureOf(
  code: number,
  stats: Readonly<Record<string, HostStats>>,
  last: readonly string[],
): TaskError {
  const hosts = (count: string): readonly string[] =>
    Object.entries(stats).flatMap(([host, counts]) => ((counts[count] ?? 0) > 0 ? [host] : []));
  const said = last.length === 0 ? "" : `: ${last.join("\n")}`;
  const details = { exitCode: code, stats };
  const failed = hosts("failed");
  if (failed.length > 0)
    return new TaskError("TasksFailed", `Tasks failed on ${failed.join(", ")}${said}`, { details });
  const lost = hosts("unreachable");
  if (lost.length > 0)
    return new TaskError("HostUnreachable", `${lost.join(", ")} is not reached${said}`, { details });
  return new TaskError("PlaybookFailed", `ansible-playbook exited with code ${code}${said}`, {
    terminal: true,
    details,
  });
}
