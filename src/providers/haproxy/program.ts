/** Finds the installed HAProxy and says whether it can do what this class asks of it. */
import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import type { Obstacle } from "../../provider/provider.ts";

/** The first whose runtime API adds and deletes servers without a switch for experiments. */
const OLDEST = [2, 6] as const;
/** Debian installs it where only root looks. */
const ELSEWHERE = ["/usr/sbin", "/usr/local/sbin"];

export type Found = { readonly path: string } | { readonly obstacle: Obstacle };

export async function findProgram(program: string): Promise<Found> {
  const path = await locate(program);
  if (path === undefined)
    return obstacle(
      "ProgramMissing",
      `HAProxy is not installed: there is no program '${program}'.`,
      "Install it, on Debian with `apt-get install haproxy`, or use the class 'embedded'.",
    );
  const text = await describe(path);
  const version = /version (\d+)\.(\d+)[^\s]*/.exec(text);
  const [major, minor] = [Number(version?.[1] ?? 0), Number(version?.[2] ?? 0)];
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    return obstacle(
      "ProgramTooOld",
      `HAProxy at ${path} is ${version === null ? "of no version that is known" : `version ${major}.${minor}`}; ${OLDEST.join(".")} or later is needed.`,
      "Install a later one, or use the class 'embedded'.",
    );
  if (!text.includes("+LUA"))
    return obstacle(
      "ProgramUnfit",
      `HAProxy at ${path} was built without Lua, by which requests wait for a server.`,
      "Install one that was built with Lua, as those of the distributions are.",
    );
  return { path };
}

/** The sentences that HAProxy found wrong in a configuration; none when it is good. */
export async function check(path: string, folder: string, file: string): Promise<readonly string[]> {
  try {
    await promisify(execFile)(path, ["-c", "-f", file], { cwd: folder, env: {} });
    return [];
  } catch (error) {
    const { stderr = "", message = "" } = error as { stderr?: string; message?: string };
    const alerts = stderr
      .split("\n")
      .filter((line) => line.includes("[ALERT]"))
      .map((line) => line.replace(/^\[ALERT\]\s+\(\d+\) : /, "").trim());
    return alerts.length > 0 ? alerts : [message];
  }
}

function obstacle(code: string, message: string, hint: string): Found {
  return { obstacle: { code, path: "spec.class", message, hint } };
}

async function locate(program: string): Promise<string | undefined> {
  const folders = program.includes("/")
    ? [""]
    : [...(process.env["PATH"] ?? "").split(delimiter).filter((one) => one !== ""), ...ELSEWHERE];
  for (const folder of folders) {
    const path = folder === "" ? program : join(folder, program);
    if (await isProgram(path)) return path;
  }
  return undefined;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function describe(path: string): Promise<string> {
  try {
    return (await promisify(execFile)(path, ["-vv"], { env: {} })).stdout;
  } catch (error) {
    return String((error as { stdout?: string }).stdout ?? "");
  }
}
