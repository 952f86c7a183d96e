/** What a balancer was told last, so that a new process begins where the old one ended. */
import { chmodSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { BalancerSpec } from "../../controller/routes.ts";
import type { Member } from "../../provider/provider.ts";
import type { PlannedListener } from "./configuration.ts";
import { FILES } from "./layout.ts";

export interface BalancerRecord {
  readonly spec: BalancerSpec;
  readonly listeners: readonly PlannedListener[];
  readonly members: Readonly<Record<string, readonly Member[]>>;
  readonly challenges: Readonly<Record<string, string>>;
}

/** Undefined when nothing was told yet, or when it cannot be read: then it is told anew. */
export function readRecord(folder: string): BalancerRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, FILES.state), "utf8")) as BalancerRecord;
  } catch {
    return undefined;
  }
}

export function writeRecord(folder: string, record: BalancerRecord): void {
  writeWhole(folder, FILES.state, JSON.stringify(record));
}

/** For the owner alone, and never half of it: who reads sees the old content or the new. */
export function writeWhole(folder: string, path: string, content: string): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const fresh = `${file}.new`;
  writeFileSync(fresh, content, { mode: 0o600 });
  chmodSync(fresh, 0o600);
  renameSync(fresh, file);
}

/** Removes frames and certificates that are in force no more. */
export function prune(folder: string, frame: string, certificates: readonly string[]): void {
  const kept = new Set(certificates.map((path) => join(folder, path)));
  for (const name of readdirSync(folder))
    if (name.startsWith("frame-") && name !== frame) rmSync(join(folder, name), { recursive: true });
  const place = join(folder, FILES.certificates);
  mkdirSync(place, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(place)) if (!kept.has(join(place, name))) rmSync(join(place, name));
}
