/** How far a pull has come, from what the engine tells of each layer. */
import type { ProgressLine } from "./progress.ts";

export class Transfer {
  readonly #layers = new Map<string, { current: number; total: number }>();

  note({ id, status, progressDetail }: ProgressLine): void {
    if (id === undefined) return;
    const layer = this.#layers.get(id);
    if (status === "Downloading" && progressDetail?.total !== undefined)
      this.#layers.set(id, { current: progressDetail.current ?? 0, total: progressDetail.total });
    else if (status === "Download complete" && layer !== undefined) layer.current = layer.total;
  }

  /** "12 of 40 MB"; empty when nothing has come. */
  describe(): string {
    let current = 0;
    let total = 0;
    for (const layer of this.#layers.values()) {
      current += layer.current;
      total += layer.total;
    }
    return total === 0 ? "" : `${megabytes(current)} of ${megabytes(total)} MB`;
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}
