/** What a control plane measures, asked over the APIs that other tools use. */
import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestHome } from "./home.ts";
import { until } from "./until.ts";

export interface Asked {
  readonly status: number;
  readonly body: string;
  readonly headers: Headers;
}

/** Of the control plane that runs now, with its token. */
export async function api(home: TestHome, path: string, options: RequestInit = {}): Promise<Asked> {
  const response = await fetch(`${urlOf(home)}${path}`, {
    ...options,
    headers: { ...(options.headers as Record<string, string>), authorization: `Bearer ${home.token}` },
  });
  return { status: response.status, body: await response.text(), headers: response.headers };
}

export function urlOf(home: TestHome): string {
  const url = home.registration()?.url;
  if (url === undefined) throw new Error("No control plane is registered.");
  return url.replace(/\/$/, "");
}

/** The data of Prometheus' envelope; throws what it refuses. */
export async function prometheus<T>(
  home: TestHome,
  path: string,
  parameters: Readonly<Record<string, string>> = {},
): Promise<T> {
  const { body } = await api(
    home,
    `/prometheus/api/v1/${path}?${new URLSearchParams(parameters).toString()}`,
  );
  const answer = JSON.parse(body) as { readonly status: string; readonly error?: string; readonly data: T };
  if (answer.status !== "success") throw new Error(`${path} was refused: ${answer.error}`);
  return answer.data;
}

type Point = readonly [seconds: number, value: string];

export interface Vector {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: Point;
}

export interface Matrix {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly Point[];
}

export async function query(home: TestHome, expression: string): Promise<readonly Vector[]> {
  const { result } = await prometheus<{ readonly result: readonly Vector[] }>(home, "query", {
    query: expression,
  });
  return result;
}

/** The samples as they are stored: a selector with a range, at a moment (seconds). */
export async function samples(home: TestHome, selector: string, time: number): Promise<readonly Matrix[]> {
  const { result } = await prometheus<{ readonly result: readonly Matrix[] }>(home, "query", {
    query: selector,
    time: String(time),
  });
  return result;
}

export interface ActiveTarget {
  readonly labels: Readonly<Record<string, string>>;
  readonly health: "up" | "down" | "unknown";
  readonly lastError: string;
  readonly lastScrape: string;
}

export async function targets(home: TestHome): Promise<readonly ActiveTarget[]> {
  const { activeTargets } = await prometheus<{ readonly activeTargets: readonly ActiveTarget[] }>(
    home,
    "targets",
  );
  return activeTargets;
}

export interface GroupView {
  readonly name: string;
  readonly file: string;
  /** Seconds. */
  readonly interval: number;
  readonly lastEvaluation: string;
  readonly rules: readonly {
    readonly name: string;
    readonly type: "alerting" | "recording";
    readonly state?: string;
    readonly health: string;
    readonly lastError?: string;
  }[];
}

export async function ruleGroups(home: TestHome): Promise<readonly GroupView[]> {
  return (await prometheus<{ readonly groups: readonly GroupView[] }>(home, "rules")).groups;
}

/** Waits for so many more evaluations of a group that is always there. */
export async function evaluations(home: TestHome, count: number, group = "control-plane"): Promise<void> {
  const last = async (): Promise<string | undefined> =>
    (await ruleGroups(home)).find(({ name }) => name === group)?.lastEvaluation;
  for (let seen = 0; seen < count; seen += 1) {
    const before = await last();
    await until(`an evaluation of ${group}`, async () => {
      const now = await last();
      return now !== undefined && now !== before;
    });
  }
}

export interface Silence {
  readonly id: string;
  readonly comment: string;
  readonly status: { readonly state: string };
  readonly matchers: readonly {
    readonly name: string;
    readonly value: string;
    readonly isRegex: boolean;
    readonly isEqual: boolean;
  }[];
}

export async function silences(home: TestHome): Promise<readonly Silence[]> {
  const { body } = await api(home, "/alertmanager/api/v2/silences");
  return JSON.parse(body) as readonly Silence[];
}

export interface SeenAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly status: { readonly state: string; readonly silencedBy: readonly string[] };
}

/** As the dispatcher of alerts has them. */
export async function dispatched(home: TestHome): Promise<readonly SeenAlert[]> {
  const { body } = await api(home, "/alertmanager/api/v2/alerts");
  return JSON.parse(body) as readonly SeenAlert[];
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Debian's amtool, with the token in a file. */
export function amtool(home: TestHome, args: readonly string[]): Promise<Ran> {
  const file = join(home.folder("clients"), "http.yml");
  writeFileSync(file, `authorization: { credentials: ${home.token} }\n`, { mode: 0o600 });
  return run("/usr/bin/amtool", [
    ...args,
    `--http.config.file=${file}`,
    `--alertmanager.url=${urlOf(home)}/alertmanager`,
  ]);
}

/** `promtool query`, Debian's: it knows no file with a token, only the password in a URL. */
export function promtool(home: TestHome, args: readonly string[], ...rest: readonly string[]): Promise<Ran> {
  const url = new URL(`${urlOf(home)}/prometheus`);
  Object.assign(url, { username: "anybody", password: home.token });
  return run("/usr/bin/promtool", ["query", ...args, url.href, ...rest]);
}

function run(program: string, args: readonly string[]): Promise<Ran> {
  if (!existsSync(program)) throw new Error(`This test needs ${program}.`);
  return new Promise((resolve) => {
    execFile(program, args, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
  });
}
