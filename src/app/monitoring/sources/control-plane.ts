/** What the control plane tells of itself: its queues, how long reconciles and commits take, its memory and processor. */
import { DurationHistogram, DurationHistograms } from "../../../provider/duration-histogram.ts";
import { Exposition } from "../../../provider/exposition.ts";

export class ControlPlaneMeasurements {
  readonly #reconciles = new DurationHistograms();
  readonly #failures = new Map<string, number>();
  readonly #commits = new DurationHistogram();

  /** Milliseconds. */
  readonly reconciled = (controller: string, duration: number, failed: boolean): void => {
    this.#reconciles.record(controller, duration / 1000);
    if (failed) this.#failures.set(controller, (this.#failures.get(controller) ?? 0) + 1);
  };

  /** Milliseconds until a batch of commits was on disk. */
  readonly committed = (duration: number): void => this.#commits.record(duration / 1000);

  text(depths: Readonly<Record<string, number>>): string {
    const out = new Exposition();
    out.samples(
      "tutti_controller_queue_depth",
      "gauge",
      "Keys that wait or are being worked on.",
      Object.entries(depths).map(([controller, depth]) => [{ controller }, depth]),
    );
    this.#reconciles.write(
      out,
      "tutti_controller_reconcile_seconds",
      "Time that looking at one key took.",
      "controller",
    );
    out.samples(
      "tutti_controller_failures_total",
      "counter",
      "Looks at a key that failed.",
      [...this.#failures].map(([controller, count]) => [{ controller }, count]),
    );
    out.family("tutti_store_commit_seconds", "histogram", "Time until a batch of commits was on disk.");
    this.#commits.write(out, "tutti_store_commit_seconds", {});
    const { user, system } = process.cpuUsage();
    out.samples("tutti_resident_bytes", "gauge", "Resident memory of the control plane.", [
      [{}, process.memoryUsage.rss()],
    ]);
    out.samples("process_cpu_seconds_total", "counter", "Processor seconds of the control plane.", [
      [{}, (user + system) / 1e6],
    ]);
    out.samples("process_start_time_seconds", "gauge", "When the control plane began.", [
      [{}, Math.round(performance.timeOrigin) / 1000],
    ]);
    return out.toString();
  }
}
