/** What Ansible's command line reads and says, for whoever drives it. */

/** `ok`, `changed`, `unreachable`, `failed`, `skipped`, `rescued`, `ignored`. */
export type HostStats = Readonly<Record<string, number>>;

/** Of every call: its output is read by a program. */
export const ANSIBLE_ENVIRONMENT: Readonly<Record<string, string>> = {
  ANSIBLE_NOCOLOR: "1",
  ANSIBLE_FORCE_COLOR: "0",
  ANSIBLE_RETRY_FILES_ENABLED: "0",
  PYTHONUNBUFFERED: "1",
  LC_ALL: "C.UTF-8",
};

/** Texts marked as what they are: `__ansible_unsafe` is how its own JSON says that a text is no template. */
export function asData(value: unknown): unknown {
  if (typeof value === "string") return value.includes("{") ? { __ansible_unsafe: value } : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(asData);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, asData(member)]));
}

/** A line of the recap: `web1 : ok=2 changed=1 unreachable=0 failed=0`. */
export function statsIn(line: string): Readonly<Record<string, HostStats>> {
  const match = /^(\S+)\s+:\s+((?:[a-z]+=\d+\s*)+)$/.exec(line);
  if (match === null) return {};
  const counts = (match[2] ?? "")
    .trim()
    .split(/\s+/)
    .map((pair) => pair.split("="));
  return { [match[1] ?? ""]: Object.fromEntries(counts.map(([name, count]) => [name ?? "", Number(count)])) };
}

/** Of which something counts: `failed`, `unreachable`. */
export function hostsWith(count: string, stats: Readonly<Record<string, HostStats>>): readonly string[] {
  return Object.entries(stats).flatMap(([host, counts]) => ((counts[count] ?? 0) > 0 ? [host] : []));
}
