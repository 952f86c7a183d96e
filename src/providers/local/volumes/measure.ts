/**
 * What is free where a volume's files are. A folder has no size of its own: its filesystem's is what it can fill, and what
 * others fill in it is missing to it too.
 */
import { statfs } from "node:fs/promises";
import type { Measurement } from "../../../provider/provider.ts";

export async function measureFilesystem(folder: string): Promise<readonly Measurement[]> {
  const { blocks, bsize, bavail } = await statfs(folder);
  const gauge = (name: string, help: string, value: number): Measurement => ({
    name: `tutti_volume_${name}`,
    type: "gauge",
    help,
    value,
  });
  return [
    gauge("size_bytes", "Size of the filesystem that it is in.", blocks * bsize),
    gauge("used_bytes", "What is used of that, by whomever.", (blocks - bavail) * bsize),
  ];
}
