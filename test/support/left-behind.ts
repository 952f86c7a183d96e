/** What a state folder holds of systems: everything but the control plane's own files. */
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";

const AREAS = ["volumes", "databases", "balancers", "dns", "instances", "monitors", "run"] as const;

/** Files, sockets and resource folders, relative to the home; the folders of areas and namespaces do not count. */
export function leftBehind(home: string): readonly string[] {
  return AREAS.flatMap((area) => entries(join(home, area), area === "run" ? 1 : 2)).map((path) =>
    relative(home, path),
  );
}

/** Everything at or below `depth`. */
function entries(folder: string, depth: number): readonly string[] {
  let found;
  try {
    found = readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
  return found.flatMap((entry) => {
    const path = join(folder, entry.name);
    return depth <= 1 ? [path] : entry.isDirectory() ? entries(path, depth - 1) : [path];
  });
}
