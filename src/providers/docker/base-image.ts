/**
 * The image for services that name none: the Location's, or one made from this machine's own Node.
 *
 *   own files --digest--> tag --on the engine?--> id
 *                              \--no--> imported --> id
 *
 * It has Node, the libraries it needs, a shell, certificates, and little else; what the service itself is comes from the
 * declaration's folder. A machine with another Node makes another tag, so nothing is ever changed in place.
 */
import { access } from "node:fs/promises";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { TerminalError } from "../../provider/provider.ts";
import type { Engine } from "./engine.ts";
import type { Images } from "./images.ts";
import { imageId, importImage } from "./import-image.ts";
import { RootFiles } from "./root-files.ts";
import { Shared } from "./shared.ts";

const REPOSITORY = "tutti.dev/base";
const CHANGES = [
  "ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
  "ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
  'CMD ["node"]',
];

export class BaseImage {
  readonly #engine: Engine;
  readonly #images: Images;
  readonly #configured: string | undefined;
  readonly #importing = new Shared<string>();
  #files: Promise<{ readonly files: RootFiles; readonly digest: string }> | undefined;

  /** `configured`: what the Location says. */
  constructor(engine: Engine, images: Images, configured?: string) {
    this.#engine = engine;
    this.#images = images;
    this.#configured = configured;
  }

  /** Its id; it is on the engine then. */
  async ensure(signal: AbortSignal): Promise<string> {
    if (this.#configured !== undefined) return this.#images.ensure({ image: this.#configured }, signal);
    if (!this.#engine.isLocal || process.platform !== "linux") throw noBase(this.#engine);
    const { files, digest } = await (this.#files ??= gather().catch((error: unknown) => {
      this.#files = undefined;
      throw error;
    }));
    const tag = digest.slice(0, 20);
    return (
      (await imageId(this.#engine, `${REPOSITORY}:${tag}`, signal)) ??
      this.#importing.run(tag, signal, (ending) =>
        importImage(
          this.#engine,
          { repository: REPOSITORY, tag, files: files.tar(), changes: CHANGES },
          ending,
        ),
      )
    );
  }
}

async function gather(): Promise<{ readonly files: RootFiles; readonly digest: string }> {
  const files = new RootFiles()
    .folder("/tmp", 0o1777)
    .folder("/root", 0o700)
    .text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
    .text("/etc/group", "root:x:0:\nnogroup:x:65534:\n")
    .text("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
  for (const path of ["/proc", "/sys", "/dev", "/run", "/var/tmp"]) files.folder(path);
  await files.program("/usr/local/bin/node", process.execPath);
  await addShell(files);
  await addWhereThere(files, "/etc/ssl/certs/ca-certificates.crt");
  await addWhereThere(files, "/etc/ssl/cert.pem");
  return { files, digest: await files.digest() };
}

/** Busybox brings the usual programs as well. */
async function addShell(files: RootFiles): Promise<void> {
  const busybox = await firstThere(["/bin/busybox", "/usr/bin/busybox"]);
  const names = busybox === undefined ? [] : await appletsOf(busybox);
  if (busybox === undefined || !names.includes("bin/sh")) {
    for (const program of ["/bin/sh", "/bin/cp"]) await files.program(program);
    return;
  }
  await files.program("/bin/busybox", busybox);
  for (const name of names) if (name !== "bin/busybox") files.link(name, "/bin/busybox");
}

async function appletsOf(busybox: string): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)(busybox, ["--list-full"]);
  return stdout.split("\n").filter((name) => name !== "");
}

async function addWhereThere(files: RootFiles, path: string): Promise<void> {
  if ((await firstThere([path])) !== undefined) await files.file(path);
}

async function firstThere(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths)
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  return undefined;
}

function noBase(engine: Engine): TerminalError {
  return new TerminalError({
    code: "NoBaseImage",
    path: "spec.image",
    message: `A service without an image needs one to run in, and none can be made from this machine's Node for the engine at ${engine.endpoint}.`,
    hint: "Name an image with Node in spec.docker.base of the Location, or in spec.image of the service.",
  });
}
