/** The image for services that name none, on a real engine. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BaseImage } from "./base-image.ts";
import { Engine } from "./engine.ts";
import { type Daemon, IMAGE, startDaemon } from "./fixtures/daemon.ts";
import { Images } from "./images.ts";

const never = new AbortController().signal;

let daemon: Daemon;
let engine: Engine;
let images: Images;

beforeAll(async () => {
  daemon = await startDaemon();
  engine = new Engine({ endpoint: daemon.endpoint });
  images = new Images(engine);
});

afterAll(async () => {
  engine?.close();
  await daemon?.close();
});

describe("the base image", () => {
  it("is what the Location says", async () => {
    const { Id } = await daemon.docker.getImage(IMAGE).inspect();
    expect(await new BaseImage(engine, images, IMAGE).ensure(never)).toBe(Id);
  });

  it("runs this machine's Node, has a shell and certificates, and is made once", async () => {
    const base = new BaseImage(engine, images);
    const [id, same] = await Promise.all([base.ensure(never), base.ensure(never)]);
    expect([same, await new BaseImage(engine, images).ensure(never)]).toEqual([id, id]);
    const script = `
      const { execSync } = require("node:child_process");
      const { writeFileSync } = require("node:fs");
      writeFileSync("/tmp/x", "");
      const certificates = require("node:fs").readFileSync(process.env.SSL_CERT_FILE, "utf8").length > 0;
      console.log([process.version, execSync("echo from the shell").toString().trim(), certificates].join(" "));`;
    const container = await daemon.docker.createContainer({
      Image: id,
      Cmd: ["node", "-e", script],
      User: "65534",
      Tty: true,
      HostConfig: { NetworkMode: "none" },
    });
    await container.start();
    await container.wait();
    const output = await container.logs({ stdout: true, stderr: true });
    expect(output.toString("utf8").trim()).toBe(`${process.version} from the shell true`);
  });

  it("cannot be made for an engine on another machine, and says what to do", async () => {
    const remote = new Engine({ endpoint: "tcp://build-1.example.com:2376" });
    await expect(new BaseImage(remote, new Images(remote)).ensure(never)).rejects.toThrow(
      /Name an image with Node in spec\.docker\.base of the Location/,
    );
  });
});
