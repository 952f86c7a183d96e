/** What is mounted where, as the kernel says it. */
import { existsSync, readFileSync, readdirSync, realpathSync } from "node:fs";
import { basename } from "node:path";

/** The device that is mounted at a path; undefined when nothing is. */
export function mountedAt(path: string): string | undefined {
  if (process.platform !== "linux" || !existsSync(path)) return undefined;
  const real = realpathSync(path);
  // The last one counts: it covers those before it (proc(5), mountinfo).
  const line = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .findLast((text) => unescaped(text.split(" ")[4] ?? "") === real);
  return line === undefined ? undefined : unescaped(line.split(" - ")[1]?.split(" ")[1] ?? "");
}

export function isMounted(path: string): boolean {
  return mountedAt(path) !== undefined;
}

/** The file behind a loop device. */
export function fileBehind(device: string): string | undefined {
  try {
    return readFileSync(`/sys/block/${basename(device)}/loop/backing_file`, "utf8").trimEnd();
  } catch {
    return undefined;
  }
}

/** Whether some loop device has the file; one that was just unmounted may for a moment. */
export function isAttached(file: string): boolean {
  const real = realpathSync(file);
  return readdirSync("/sys/block").some((name) => name.startsWith("loop") && fileBehind(name) === real);
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_match, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
