/** Which image runs: pinned, pulled, refused; on a real engine with real registries. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TerminalError } from "../../provider/provider.ts";
import { Engine } from "./engine.ts";
import { type Daemon, IMAGE, importImage, busyboxFiles, startDaemon } from "./fixtures/daemon.ts";
import {
  ACCOUNT,
  type Registry,
  forget,
  push,
  startRegistry,
  startSilentRegistry,
} from "./fixtures/registry.ts";
import { Images, credentialsOf } from "./images.ts";

const never = new AbortController().signal;

let daemon: Daemon;
let registry: Registry;
let engine: Engine;
let images: Images;

beforeAll(async () => {
  [daemon, registry] = await Promise.all([startDaemon(), startRegistry()]);
  engine = new Engine({ endpoint: daemon.endpoint });
  images = new Images(engine);
});

afterAll(async () => {
  engine?.close();
  await Promise.all([daemon?.close(), registry?.close()]);
});

/** A tag of the registry that means an image made for it. */
async function published(name: string, content: string): Promise<string> {
  const tag = `${registry.address}/${name}`;
  await importImage(daemon.docker, tag, busyboxFiles(), [`LABEL content=${content}`]);
  await push(daemon.docker, tag, tag);
  return tag;
}

async function contentOf(id: string): Promise<string | undefined> {
  return (await daemon.docker.getImage(id).inspect()).Config.Labels?.["content"];
}

async function refusal(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => expect.fail("it was not refused"),
    (error: Error) => error,
  );
}

describe("the image that runs", () => {
  it("is the engine's own, without asking a registry", async () => {
    const { Id } = await daemon.docker.getImage(IMAGE).inspect();
    expect(await images.ensure({ image: IMAGE }, never)).toBe(Id);
    expect(await images.ensure({ image: IMAGE, policy: "never" }, never)).toBe(Id);
  });

  it("is pulled when the engine has none", async () => {
    const image = await published("shop/pulled:1", "first");
    await forget(daemon.docker, image);
    expect(await contentOf(await images.ensure({ image }, never))).toBe("first");
  });

  it("is what the tag means at the registry with policy 'always', and what the engine has with 'missing'", async () => {
    const image = await published("shop/always:1", "first");
    const { Id } = await daemon.docker.getImage(image).inspect();
    await published("shop/always:1", "second");
    await daemon.docker.getImage(Id).tag({ repo: `${registry.address}/shop/always`, tag: "1" });
    expect(await contentOf(await images.ensure({ image }, never))).toBe("first");
    expect(await contentOf(await images.ensure({ image, policy: "always" }, never))).toBe("second");
  });

  it("is what was pinned, though the tag means another by now", async () => {
    const image = await published("shop/pinned:1", "first");
    const digest = await images.pin({ image }, never);
    await forget(daemon.docker, image);
    await published("shop/pinned:1", "second");
    expect(await images.pin({ image }, never)).not.toBe(digest);
    expect(await contentOf(await images.ensure({ image, digest: digest as string }, never))).toBe("first");
  });

  it("is what was pinned, of an image that no registry has, though the tag means another by now", async () => {
    await importImage(daemon.docker, "only-here:1", busyboxFiles(), ["LABEL content=first"]);
    const digest = await images.pin({ image: "only-here:1" }, never);
    await daemon.docker.getImage("only-here:1").tag({ repo: "only-here", tag: "kept" });
    await importImage(daemon.docker, "only-here:1", busyboxFiles(), ["LABEL content=second"]);
    const id = await images.ensure({ image: "only-here:1", digest: digest as string }, never);
    expect(await contentOf(id)).toBe("first");
  });
});

describe("the digest of a plan", () => {
  it("is the registry's, known without pulling", async () => {
    const image = await published("shop/asked:1", "first");
    const digest = await images.pin({ image }, never);
    await forget(daemon.docker, image);
    expect(await images.pin({ image }, never)).toBe(digest);
    await expect(daemon.docker.getImage(image).inspect()).rejects.toThrow("no such image");
  });

  it("is what the declaration says when it says one", async () => {
    const digest = `sha256:${"a".repeat(64)}`;
    expect(await images.pin({ image: `shop/api@${digest}` }, never)).toBe(digest);
  });

  it("moves with the tag at the registry with policy 'always'", async () => {
    const image = await published("shop/moving:1", "first");
    const before = await images.pin({ image, policy: "always" }, never);
    await published("shop/moving:1", "second");
    expect(await images.pin({ image, policy: "always" }, never)).not.toBe(before);
  });

  it("is unknown when only the engine may be asked and has none", async () => {
    expect(await images.pin({ image: "nowhere:1", policy: "never" }, never)).toBeUndefined();
  });
});

describe("an image that cannot be had", () => {
  it("is refused in one sentence when neither engine nor registry has it", async () => {
    const error = await refusal(images.ensure({ image: `${registry.address}/shop/none:1` }, never));
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toMatch(
      /^Neither the engine nor the registry 127.0.0.1:\d+ has an image '127.0.0.1:\d+\/shop\/none:1' \(.*manifest.*\)\. Check/,
    );
  });

  it("is refused when it may not be pulled", async () => {
    expect((await refusal(images.ensure({ image: "nowhere:1", policy: "never" }, never))).message).toBe(
      "The engine has no image 'nowhere:1', and the pull policy is 'never'. Load or build it there, or let it be pulled: spec.pull.policy: missing.",
    );
  });

  it("is refused when its name is none", async () => {
    await expect(images.ensure({ image: "../../containers/json?x=" }, never)).rejects.toThrow(
      "'../../containers/json?x=' is not the name of an image.",
    );
  });

  it("is tried again when its registry cannot be reached", async () => {
    const error = await refusal(images.ensure({ image: "127.0.0.1:1/shop/api:1" }, never));
    expect(error).not.toBeInstanceOf(TerminalError);
    expect(error.message).toMatch(/could not be fetched from the registry 127.0.0.1:1: .*refused/);
  });
});

describe("a registry with accounts", () => {
  it("gives its images to who signs in, and to nobody else", async () => {
    const guarded = await startRegistry({ isPrivate: true });
    try {
      const image = `${guarded.address}/shop/secret:1`;
      await push(daemon.docker, IMAGE, image, ACCOUNT);
      await forget(daemon.docker, image);
      const error = await refusal(images.ensure({ image }, never));
      expect(error).toBeInstanceOf(TerminalError);
      expect(error.message).toMatch(/does not give it out .*spec\.pull\.secret/);
      const elsewhere = credentialsOf({ ...ACCOUNT, registry: "registry.example.com" })!;
      expect(await refusal(images.ensure({ image, credentials: elsewhere }, never))).toBeInstanceOf(
        TerminalError,
      );
      const wrong = { ...ACCOUNT, password: "wrong words" };
      expect((await refusal(images.ensure({ image, credentials: wrong }, never))).message).not.toContain(
        "wrong words",
      );
      const credentials = credentialsOf(ACCOUNT)!;
      const { Id } = await daemon.docker.getImage(IMAGE).inspect();
      expect(await images.pin({ image, policy: "always", credentials }, never)).toMatch(/^sha256:/);
      expect(await images.ensure({ image, credentials }, never)).toBe(Id);
    } finally {
      await guarded.close();
    }
  });
});

describe("a registry that hangs", () => {
  it("is given up after the time it has, in a sentence that says so", async () => {
    const silent = await startSilentRegistry();
    try {
      const hasty = new Images(engine, { patience: 300 });
      await expect(hasty.ensure({ image: `${silent.address}/shop/api:1` }, never)).rejects.toThrow(
        /the registry 127.0.0.1:\d+ is too slow or does not answer \(nothing came for 0.3 s\)/,
      );
    } finally {
      await silent.close();
    }
  });

  it("does not hold up a plan", async () => {
    const silent = await startSilentRegistry();
    try {
      const hasty = new Images(engine, { patience: 300 });
      await expect(hasty.pin({ image: `${silent.address}/shop/api:1` }, never)).rejects.toThrow(
        /the registry 127.0.0.1:\d+ is too slow or does not answer/,
      );
    } finally {
      await silent.close();
    }
  });

  it("holds up nobody who stops waiting, and nobody who waits for another image", async () => {
    const silent = await startSilentRegistry();
    try {
      const image = `${silent.address}/shop/api:1`;
      const leaving = new AbortController();
      const left = refusal(images.ensure({ image }, leaving.signal));
      await images.ensure({ image: IMAGE }, never);
      leaving.abort(new Error("not wanted any more"));
      expect((await left).message).toBe("not wanted any more");
    } finally {
      await silent.close();
    }
  });

  it("goes on for who still waits when another one stops", async () => {
    const image = await published("shop/shared:1", "shared");
    await forget(daemon.docker, image);
    const leaving = new AbortController();
    const left = refusal(images.ensure({ image }, leaving.signal));
    const waiting = Array.from({ length: 8 }, () => images.ensure({ image }, never));
    leaving.abort(new Error("not wanted any more"));
    await left;
    expect(new Set(await Promise.all(waiting)).size).toBe(1);
  });
});
