/**
 * Checksums of provider packages, as `.terraform.lock.hcl` has them: `h1:` of what is in a package (Go's dirhash: SHA-256 over the
 * lines "<SHA-256 of the file>  <name>", sorted), `zh:` of the archive as it is.
 */
import { createHash } from "node:crypto";
import { createReadStream, readdirSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";

/** Of a folder, unpacked. */
export async function hashOfFolder(folder: string): Promise<string> {
  const names = filesIn(folder).map((path) => relative(folder, path).split(sep).join("/"));
  const total = createHash("sha256");
  for (const name of names.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other))))
    total.update(`${await hashOfFile(join(folder, name))}  ${name}\n`);
  return `h1:${total.digest("base64")}`;
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    // A mirror may consist of links.
    return statSync(path).isDirectory() ? filesIn(path) : [path];
  });
}

/** Hexadecimal. */
export async function hashOfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
