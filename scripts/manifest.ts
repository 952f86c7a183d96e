/**
 * Writes what `dist/` needs to be published: `npm run build && npm publish ./dist`.
 *
 * Node does not strip types below node_modules, so users get JavaScript while contributors run the sources.
 * The published manifest is ours with each entry point led to its emitted file, and without what only
 * contributors need.
 */
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { root } from "./sources.ts";

export interface Manifest {
  readonly [field: string]: unknown;
  readonly exports: Readonly<Record<string, string>>;
}

const programs = {
  tutti: "./tutti.js",
  "terraform-provider-tutti": "./terraform-provider-tutti.js",
};

const contributorsOnly = new Set(["scripts", "devDependencies", "allowScripts", "overrides"]);

/** The manifest to publish. */
export function published(manifest: Manifest): Manifest {
  const kept = Object.entries(manifest).filter(([field]) => !contributorsOnly.has(field));
  const entries = Object.entries(manifest.exports).map(([name, source]) => {
    const emitted = source.replace(/^\.\/src\//, "./").replace(/\.ts$/, "");
    return [name, { types: `${emitted}.d.ts`, default: `${emitted}.js` }];
  });
  return { ...Object.fromEntries(kept), bin: programs, exports: Object.fromEntries(entries) };
}

/** The command: compiled sources are kept between runs, and loading starts after that is set up. */
const command = `#!/usr/bin/env node
import { enableCompileCache } from "node:module";
enableCompileCache();
await import("./app/main.js");
`;

/** What Terraform starts: the same, with the word that says so. */
const provider = `#!/usr/bin/env node
process.argv.splice(2, 0, "terraform-provider");
await import("./tutti.js");
`;

if (import.meta.main) {
  const manifest = JSON.parse(readFileSync(resolve(root, "package.json"), "utf8")) as Manifest;
  writeFileSync(resolve(root, "dist/package.json"), `${JSON.stringify(published(manifest), null, 2)}\n`);
  writeFileSync(resolve(root, "dist/tutti.js"), command);
  writeFileSync(resolve(root, "dist/terraform-provider-tutti.js"), provider);
  for (const program of Object.values(programs)) chmodSync(resolve(root, "dist", program), 0o755);
  copyFileSync(resolve(root, "LICENSE"), resolve(root, "dist/LICENSE"));
}
