/** What the steps of a release do. Each may be done twice: it comes to the same. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { TerminalError, handler } from "tutti";

const execute = promisify(execFile);

/** The sources, checked and put aside in a folder that is named by its content, which nobody changes any more. */
export const build = handler(
  "build",
  async ({ source, releases }: { source: string; releases: string }, { log }) => {
    const files = (await readdir(source)).filter((name) => name.endsWith(".ts")).sort();
    const hash = createHash("sha256");
    await mkdir(releases, { recursive: true });
    const draft = await mkdtemp(join(releases, "draft-"));
    try {
      await writeFile(join(draft, "package.json"), '{ "type": "module" }');
      for (const file of files) {
        await cp(join(source, file), join(draft, file));
        await execute(process.execPath, ["--check", join(draft, file)]).catch(
          ({ stderr }: { stderr: string }) => {
            throw new TerminalError(stderr.trim(), { name: "SyntaxError" });
          },
        );
        hash.update(`${file}\n`).update(await readFile(join(draft, file)));
      }
      const release = hash.digest("hex").slice(0, 16);
      const folder = join(releases, release);
      // The same content is there already when it was built before.
      await rename(draft, folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
      });
      log(`${files.length} files are release ${release}`);
      return { release, folder, files };
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  },
);

const FORBIDDEN: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----/, "a private key"],
  [/\bAKIA[0-9A-Z]{16}\b|\b(sk|rk)_live_\w{8,}|\bgh[pousr]_\w{36}\b/, "a key of a service"],
  [/\b(password|secret|token)\b\s*[:=]\s*["'][^"'$]{6,}["']/i, "a password in the open"],
  [/\beval\s*\(|\bnew Function\s*\(/, "code that is made while it runs"],
  [/\bexecSync?\s*\(|\bshell:\s*true\b/, "a shell"],
];

/** One file, line by line. */
export const scan = handler("scan", async ({ folder, file }: { folder: string; file: string }) => {
  const lines = (await readFile(join(folder, file), "utf8")).split("\n");
  const findings = lines.flatMap((line, index) =>
    FORBIDDEN.filter(([pattern]) => pattern.test(line)).map(
      ([, what]) => `${file}:${index + 1} holds ${what}`,
    ),
  );
  if (findings.length > 0) throw new TerminalError(`${findings.join(", ")}.`, { name: "SecurityFinding" });
  return { file, lines: lines.length };
});

/** What is looked at. */
const PATHS = ["/", "/api/products"];

interface Shop {
  readonly addresses: readonly string[];
  readonly version: string;
}

/** One look at everything, as the first customer has it. */
export const smoke = handler("smoke", async ({ addresses, version }: Shop) => {
  for (const path of PATHS) {
    const seen = await look(addresses, path);
    if (seen !== version)
      throw new TerminalError(`${path} is of version '${seen}', not ${version}.`, { name: "WrongVersion" });
  }
  return { addresses, checked: PATHS };
});

/** Looks again and again while the version is rolled out, until it has given so many answers: each must be right. */
export const watch = handler(
  "watch",
  async ({ addresses, version, answers }: Shop & { answers: number }, { heartbeat, log, signal }) => {
    for (const path of PATHS)
      for (let seen = 0; seen < answers;) {
        signal.throwIfAborted();
        heartbeat();
        if ((await look(addresses, path)) === version) seen += 1;
      }
    log(`${answers} answers of ${version} for each of ${PATHS.join(" and ")}`);
    return { answers: answers * PATHS.length };
  },
);

/** The version that answered. What is not as it should be fails for good: a customer has seen it. */
async function look([address = ""]: readonly string[], path: string): Promise<string> {
  const response = await fetch(new URL(path, address));
  const body = await response.text();
  const version = response.headers.get("x-version") ?? "";
  const isRight =
    response.ok &&
    (path === "/" ? body.includes("<h1>") : (JSON.parse(body) as readonly object[]).length > 0);
  if (isRight) return version;
  throw new TerminalError(
    `${path} of version ${version} answered ${response.status}: ${body.slice(0, 200)}`,
    { name: "BrokenAnswer" },
  );
}
