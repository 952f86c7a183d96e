/** A page: a file of a folder that some web server shows. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { defineResource, z } from "tutti";

export const page = defineResource("Page", {
  spec: z.object({ file: z.string().meta({ immutable: true }), text: z.string() }),
  outputs: z.object({ bytes: z.number() }),
  observe: async ({ spec: { file } }) => {
    const text = await readFile(file, "utf8").catch(() => undefined);
    return text === undefined ? undefined : { actual: { text }, outputs: { bytes: Buffer.byteLength(text) } };
  },
  ensure: ({ spec: { file, text } }) => writeFile(file, text),
  remove: ({ spec: { file } }) => rm(file, { force: true }),
});
