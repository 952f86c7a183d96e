/** What a Machine boots: an image that LXD has, by alias or fingerprint, or one of a public server. */
import { TerminalError } from "../../provider/provider.ts";
import type { Lxd } from "./client.ts";

/** As `lxc` calls them. */
const SERVERS: Readonly<Record<string, string>> = {
  images: "https://images.lxd.canonical.com",
  ubuntu: "https://cloud-images.ubuntu.com/releases",
  "ubuntu-daily": "https://cloud-images.ubuntu.com/daily",
};

/** Undefined for what is not on a public server. */
export function serverOf(image: string): { readonly server: string; readonly alias: string } | undefined {
  const [, remote = "", alias = ""] = /^([a-z-]+):(.+)$/.exec(image) ?? [];
  const server = SERVERS[remote];
  return server === undefined ? undefined : { server, alias };
}

/** Refuses with TerminalError what LXD does not have. */
export async function imageSource(lxd: Lxd, image: string, signal: AbortSignal): Promise<object> {
  const remote = serverOf(image);
  if (remote !== undefined) return { type: "image", mode: "pull", protocol: "simplestreams", ...remote };
  const alias = await lxd.find<{ readonly target: string }>(
    `/1.0/images/aliases/${encodeURIComponent(image)}`,
    signal,
  );
  if (alias !== undefined) return { type: "image", fingerprint: alias.target };
  const found = /^[0-9a-f]{6,64}$/.test(image)
    ? await lxd.find<{ readonly fingerprint: string }>(`/1.0/images/${image}`, signal)
    : undefined;
  if (found !== undefined) return { type: "image", fingerprint: found.fingerprint };
  throw new TerminalError(imageMissing(image));
}

export function imageMissing(image: string): {
  readonly code: string;
  readonly path: string;
  readonly message: string;
  readonly hint: string;
} {
  return {
    code: "ImageMissing",
    path: "spec.image",
    message: `LXD has no image '${image}'.`,
    hint: "`lxc image list` lists those it has; images:NAME and ubuntu:NAME are fetched from public servers.",
  };
}
