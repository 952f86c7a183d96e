/** What a machine has and uses, for monitoring. */
import type { Measurement } from "../../provider/provider.ts";
import type { InstanceState, LxdInstance } from "./instances.ts";

export function measurementsOf(
  { expanded_config: config }: LxdInstance,
  state: InstanceState,
): readonly Measurement[] {
  const gauge = (name: string, help: string, value: number): Measurement => ({
    name,
    type: "gauge",
    help,
    value,
  });
  const counter = (name: string, help: string, value: number): Measurement => ({
    name,
    type: "counter",
    help,
    value,
  });
  const networks = Object.entries(state.network ?? {}).filter(([name]) => name !== "lo");
  const all = (key: string): number =>
    networks.reduce((sum, [, { counters }]) => sum + (counters[key] ?? 0), 0);
  const limit = Number(config["limits.memory"]);
  const disk = state.disk?.["root"]?.usage;
  return [
    gauge("tutti_machine_running", "1 while it runs.", state.status === "Running" ? 1 : 0),
    counter("tutti_machine_cpu_seconds_total", "Processor time used since its start.", state.cpu.usage / 1e9),
    gauge("tutti_machine_memory_bytes", "Memory in use.", state.memory.usage),
    ...(limit > 0 ? [gauge("tutti_machine_memory_limit_bytes", "Memory it may use.", limit)] : []),
    ...(disk === undefined || disk < 0
      ? []
      : [gauge("tutti_machine_disk_bytes", "Used of its own disk.", disk)]),
    gauge("tutti_machine_processes", "Processes in it.", Math.max(0, state.processes)),
    counter(
      "tutti_machine_network_received_bytes_total",
      "Received on all its networks.",
      all("bytes_received"),
    ),
    counter("tutti_machine_network_sent_bytes_total", "Sent on all its networks.", all("bytes_sent")),
  ];
}
