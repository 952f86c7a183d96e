/** The definitions of the own kinds that a program uses, each with the sources of the functions that go with it. */
import { createHash } from "node:crypto";
import { basename, dirname, relative } from "node:path";
import { positionInFrame } from "../../diagnostics/call-site.ts";
import { type ResourceDefinition, resourceDefinition } from "../define-resource.ts";
import type { Located } from "../load.ts";
import { ProgramSource } from "./program-source.ts";
import { sourcesOf } from "./program.ts";

/** `items`: what the program exports; kinds may stand among them as well as declarations of them. */
export function definitionsIn(
  items: readonly unknown[],
  program: string,
  folder: string,
): readonly Located[] {
  const used = new Set(items.flatMap((item) => resourceDefinition(item) ?? []));
  return [...used].map((definition) => {
    const at = positionInFrame(definition.frame ?? "") ?? { file: program };
    return {
      value: withSources(definition, program, folder),
      source: new ProgramSource(at, Number.POSITIVE_INFINITY),
    };
  });
}

function withSources({ manifest, module }: ResourceDefinition, program: string, folder: string): unknown {
  const found = Object.entries(sourcesOf(program, module));
  // Of a package: it stays as it is installed.
  const home = found.length === 0 ? dirname(module) : folder;
  const sources = Object.fromEntries(
    found
      .map(([path, text]) => [relative(home, path), text] as const)
      .toSorted(([one], [other]) => (one < other ? -1 : 1)),
  );
  const hash = createHash("sha256").update(JSON.stringify(sources)).digest("hex");
  const { provider, ...spec } = manifest.spec as { readonly provider: object };
  return {
    ...manifest,
    spec: {
      ...spec,
      provider: {
        ...provider,
        folder: home,
        module: found.length === 0 ? basename(module) : relative(home, module),
        hash: `sha256:${hash}`,
        sources,
      },
    },
  };
}
