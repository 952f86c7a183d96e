import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../clock/clock.ts";
import { type DefinitionSpec, type ProviderSource, ownKind } from "../../kinds/own-kind.ts";
import type { AnyKind } from "../../kinds/kind.ts";
import { isSealed } from "../../model/sealed.ts";
import { conformanceContext, providerConformance } from "../../provider/conformance.ts";
import { type Desired, RequeueAfter, TerminalError } from "../../provider/provider.ts";
import { load } from "../../sdk/fixtures/loading.ts";
import { type CustomProvider, customProvider } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "tutti-own-"));
const project = join(folder, "project");
cpSync(join(import.meta.dirname, "fixtures"), project, { recursive: true });
let kind: AnyKind;
let source: ProviderSource;

async function definition(): Promise<{ readonly kind: AnyKind; readonly source: ProviderSource }> {
  const { resources, diagnostics } = await load(project, { env: {} });
  expect(diagnostics).toEqual([]);
  const found = resources.find((one) => one.kind === "CustomResourceDefinition");
  if (found === undefined) throw new Error("It declares no kind.");
  const made = ownKind(found);
  if (!("kind" in made)) throw new Error("It is no kind.");
  const { provider } = found.spec as DefinitionSpec & { readonly provider: ProviderSource };
  return { kind: made.kind, source: provider };
}

beforeAll(async () => ({ kind, source } = await definition()));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const told: string[] = [];
const opened: CustomProvider[] = [];
afterAll(() => opened.forEach((provider) => provider.close()));

function open(using = source): CustomProvider {
  const say = (_identity: unknown, text: string): void => void told.push(text);
  const provider = customProvider({ kind, source: using, clock: systemClock, told: say });
  opened.push(provider);
  return provider;
}

/** To begin a process takes a while: most share one, and another that is as if it had been begun after a crash. */
let common: CustomProvider;
let another: CustomProvider;
/** Whose functions have a second. */
let impatient: CustomProvider;
beforeAll(() => {
  common = open();
  another = open();
  impatient = open({ ...source, timeout: "1s" });
});

/** What takes long on a slow machine is asked again, as the control plane does. */
async function made(provider: CustomProvider, desired: Desired): ReturnType<CustomProvider["ensure"]> {
  return provider.ensure(desired, conformanceContext).catch(() => made(provider, desired));
}

let last = 0;
function thing(spec: object = {}): Desired {
  const uid = `uid-${++last}`;
  return {
    identity: { kind: "File", namespace: "default", name: `file-${last}`, uid },
    spec: {
      class: "custom",
      location: "local",
      path: join(folder, uid),
      text: "hello",
      does: "work",
      ...spec,
    },
    status: undefined,
  };
}

const removed = { ...conformanceContext, keepData: false };
const key = conformanceContext.keyring.seal("the-very-secret-key");
const known = thing({ path: join(folder, "known") });

providerConformance("a provider of people's own functions", {
  open: () =>
    Promise.resolve({
      provider: common,
      reopen: () => Promise.resolve(another),
      cleanup: async () => void (await common.remove(known, removed)),
    }),
  desired: known,
  secretOutputs: ["token"],
  holdsNoData: "what it holds is the functions' business",
  spoil: () => Promise.resolve(writeFileSync(join(folder, "known"), "spoilt")),
});

describe("what a function throws", () => {
  it("is tried again, without the secrets that it quotes", async () => {
    const failing = common.ensure(thing({ does: "throw", key }), conformanceContext);
    await expect(failing).rejects.toThrow("The disk said no to (secret)");
    await expect(failing).rejects.not.toBeInstanceOf(TerminalError);
  });

  it("is for good as a TerminalError, with code, path and hint", async () => {
    const failing = common.ensure(thing({ does: "refuse" }), conformanceContext);
    await expect(failing).rejects.toBeInstanceOf(TerminalError);
    await expect(failing).rejects.toMatchObject({
      diagnostic: { code: "NoSuchDisk", path: "spec.path", message: "That cannot be.", hint: "Buy one." },
    });
  });

  it("is looked at again later as a RequeueAfter", async () => {
    const waiting = common.ensure(thing({ does: "wait" }), conformanceContext);
    await expect(waiting).rejects.toBeInstanceOf(RequeueAfter);
    await expect(waiting).rejects.toMatchObject({ delay: 3000, message: "The disk is starting." });
  });
});

describe("a function that does not answer", () => {
  it("is told to stop when its time is over, and tried again", async () => {
    await expect(impatient.ensure(thing({ does: "hang" }), conformanceContext)).rejects.toThrow(
      "The function File.ensure did not answer within 1s.",
    );
  });

  it("and does not listen is ended with its process, and what went on beside it is done again", async () => {
    const provider = impatient;
    const deaf = provider.ensure(thing({ does: "be deaf" }), conformanceContext);
    await expect(deaf).rejects.toThrow("did not answer within 1s");
    expect((await made(provider, thing())).ready).toBe(true);
  });

  it("nor lets its process do anything else is ended with it", { timeout: 60_000 }, async () => {
    const provider = impatient;
    const suspect = thing({ does: "loop" });
    await expect(provider.ensure(suspect, conformanceContext)).rejects.toThrow();
    // It is alone from now on: nobody is harmed by it again.
    const again = provider.ensure(suspect, conformanceContext);
    expect((await made(provider, thing())).ready).toBe(true);
    await expect(again).rejects.toThrow();
  });

  it("changes nothing when nobody waits from the beginning", async () => {
    const provider = open();
    const signal = AbortSignal.abort(new Error("Nobody waits."));
    await expect(provider.ensure(thing(), { ...conformanceContext, signal })).rejects.toThrow(
      "Nobody waits.",
    );
    expect(provider.pids()).toEqual([]);
  });
});

describe("a process that dies", () => {
  it("fails what was under way in it, and nothing else", async () => {
    const provider = common;
    await expect(provider.ensure(thing({ does: "exit" }), conformanceContext)).rejects.toThrow(
      "was killed by SIGKILL",
    );
    expect((await provider.ensure(thing(), conformanceContext)).ready).toBe(true);
  });

  it("from outside, in the middle of a call, leaves what the next call finishes", async () => {
    const provider = common;
    const desired = thing({ does: "be deaf" });
    await provider.observe(desired, conformanceContext);
    const lost = provider.ensure(desired, conformanceContext);
    for (const pid of provider.pids()) process.kill(pid, "SIGKILL");
    await expect(lost).rejects.toThrow("was killed by SIGKILL");
    const spec = { ...(desired.spec as object), does: "work" };
    expect((await provider.ensure({ ...desired, spec }, conformanceContext)).outputs["bytes"]).toBe(5);
  });

  // Close to its limit a thread is busy with nothing but making room: whichever is noticed first.
  it("of what it takes of memory, or blocks for it, says so", async () => {
    const provider = common;
    await expect(provider.ensure(thing({ does: "swell" }), conformanceContext)).rejects.toThrow(
      /memory|blocked/i,
    );
    expect((await provider.ensure(thing(), conformanceContext)).ready).toBe(true);
  });
});

describe("what a function gives", () => {
  it("is refused where it does not fit the schema, or is no observation", async () => {
    for (const does of ["babble", "mumble"]) {
      const answered = common.ensure(thing({ does }), conformanceContext);
      await expect(answered).rejects.toMatchObject({ diagnostic: { code: "ProviderAnsweredGarbage" } });
    }
  });

  it("is refused where it shows a secret in the open", async () => {
    const answered = common.ensure(thing({ does: "leak", key }), conformanceContext);
    await expect(answered).rejects.toMatchObject({ diagnostic: { code: "SecretInTheOpen" } });
  });

  it("is sealed where it is a secret", async () => {
    const { outputs } = await common.ensure(thing(), conformanceContext);
    expect(isSealed(outputs["token"])).toBe(true);
    expect(outputs["bytes"]).toBe(5);
  });
});

it("tells what a function prints, without secrets", async () => {
  told.length = 0;
  await common.ensure(thing({ does: "print", key }), conformanceContext);
  expect(told).toEqual(["the key is (secret)\nand that is that"]);
});

it("asks the functions what there is, and what stands against it", async () => {
  const provider = common;
  const path = join(folder, "alone", "there.txt");
  cpSync(join(project, "marks.ts"), path);
  const found = await provider.list?.(conformanceContext, { folder: join(folder, "alone") });
  expect(found).toEqual([{ id: path, name: "there.txt", spec: { path }, description: "there.txt" }]);
  const spec = { class: "auto", location: "local", path: "relative" };
  const prospect = { namespace: "default", name: "a", spec, folder, resolved: () => spec };
  expect(await provider.obstacles?.(prospect, conformanceContext)).toMatchObject([
    { path: "spec.path", message: "It must begin at the root." },
  ]);
});

it("goes by the text that was applied, whatever becomes of the files", async () => {
  const before = common;
  writeFileSync(join(project, "marks.ts"), "export const marked = (text: string): string => `${text}!`;\n");
  const changed = thing();
  expect((await before.ensure(changed, conformanceContext)).actual).toEqual({ text: "hello" });
  const now = await definition();
  expect(now.source.hash).not.toBe(source.hash);
  rmSync(project, { recursive: true });
  expect((await open(now.source).ensure(changed, conformanceContext)).actual).toEqual({ text: "hello!" });
  expect(readFileSync((changed.spec as { readonly path: string }).path, "utf8")).toBe("hello!");
  await before.remove(changed, removed);
});
