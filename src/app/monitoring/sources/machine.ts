/**
 * What the machine of the control plane has and uses, under the names of Prometheus' node_exporter, so that rules and
 * dashboards made for that fit. Linux is read from /proc; elsewhere only what Node tells.
 */
import { readFile, statfs } from "node:fs/promises";
import { freemem, loadavg, totalmem } from "node:os";
import { Exposition, type LabelValues } from "../../../provider/exposition.ts";

const TICKS_PER_SECOND = 100;
const MODES = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"] as const;
/** Filesystems that hold no data of anybody. */
const NOT_DISKS =
  /^(proc|sysfs|cgroup2?|devpts|mqueue|tmpfs|devtmpfs|securityfs|debugfs|tracefs|pstore|bpf|overlay|squashfs|nsfs|autofs|fusectl|configfs|ramfs|hugetlbfs|binfmt_misc)$/;

type Samples = (readonly [LabelValues, number])[];

export async function machineText(): Promise<string> {
  const out = new Exposition();
  const [stat, memory, network, mounts] = await Promise.all(
    ["/proc/stat", "/proc/meminfo", "/proc/net/dev", "/proc/self/mounts"].map(textOf),
  );
  out.samples(
    "node_cpu_seconds_total",
    "counter",
    "Seconds of the processors by mode.",
    processors(stat ?? ""),
  );
  const [one = 0, five = 0, fifteen = 0] = loadavg();
  out.samples("node_load1", "gauge", "Load over one minute.", [[{}, one]]);
  out.samples("node_load5", "gauge", "Load over five minutes.", [[{}, five]]);
  out.samples("node_load15", "gauge", "Load over fifteen minutes.", [[{}, fifteen]]);
  for (const [name, bytes] of memoryOf(memory ?? ""))
    out.samples(`node_memory_${name}_bytes`, "gauge", "Memory.", [[{}, bytes]]);
  const disks = await filesystems(mounts ?? "");
  out.samples("node_filesystem_size_bytes", "gauge", "Size of the filesystem.", disks.size);
  out.samples("node_filesystem_avail_bytes", "gauge", "Free for programs.", disks.available);
  out.samples("node_filesystem_files_free", "gauge", "Free inodes.", disks.files);
  const { received, sent } = interfaces(network ?? "");
  out.samples("node_network_receive_bytes_total", "counter", "Bytes received.", received);
  out.samples("node_network_transmit_bytes_total", "counter", "Bytes sent.", sent);
  const boot = /^btime (\d+)/m.exec(stat ?? "")?.[1];
  if (boot !== undefined)
    out.samples("node_boot_time_seconds", "gauge", "When the machine was started.", [[{}, Number(boot)]]);
  return out.toString();
}

function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}

function processors(stat: string): Samples {
  const samples: Samples = [];
  for (const [, cpu = "", rest = ""] of stat.matchAll(/^cpu(\d+) (.+)$/gm)) {
    const ticks = rest.trim().split(/ +/);
    for (const [index, mode] of MODES.entries())
      samples.push([{ cpu, mode }, Number(ticks[index] ?? 0) / TICKS_PER_SECOND]);
  }
  return samples;
}

function memoryOf(meminfo: string): readonly (readonly [string, number])[] {
  const wanted = ["MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "SwapTotal", "SwapFree"];
  const found = [...meminfo.matchAll(/^(\w+): +(\d+) kB$/gm)].flatMap(([, name = "", kilobytes]) =>
    wanted.includes(name) ? [[name, Number(kilobytes) * 1024] as const] : [],
  );
  return found.length > 0
    ? found
    : [
        ["MemTotal", totalmem()],
        ["MemAvailable", freemem()],
      ];
}

async function filesystems(mounts: string): Promise<{ size: Samples; available: Samples; files: Samples }> {
  const all = { size: [] as Samples, available: [] as Samples, files: [] as Samples };
  const seen = new Set<string>();
  const lines = mounts === "" ? ["rootfs / unknown"] : mounts.trim().split("\n");
  for (const line of lines) {
    const [device = "", escaped = "", fstype = ""] = line.split(" ");
    // The root counts whatever it is; a device that is mounted at several places counts once.
    if ((NOT_DISKS.test(fstype) && escaped !== "/") || seen.has(device)) continue;
    seen.add(device);
    const mountpoint = escaped.replace(/\\([0-7]{3})/g, (_all, code: string) =>
      String.fromCharCode(Number.parseInt(code, 8)),
    );
    const found = await statfs(mountpoint).catch(() => undefined);
    if (found === undefined || found.blocks === 0) continue;
    const labels = { device, mountpoint, fstype };
    all.size.push([labels, found.blocks * found.bsize]);
    all.available.push([labels, found.bavail * found.bsize]);
    all.files.push([labels, found.ffree]);
  }
  return all;
}

function interfaces(dev: string): { readonly received: Samples; readonly sent: Samples } {
  const received: Samples = [];
  const sent: Samples = [];
  for (const [, device = "", rest = ""] of dev.matchAll(/^ *([^\s:]+): *(.+)$/gm)) {
    // As node_exporter on Debian has it: what a machine tells itself is no use of the network.
    if (device === "lo") continue;
    const columns = rest.trim().split(/ +/);
    received.push([{ device }, Number(columns[0] ?? 0)]);
    sent.push([{ device }, Number(columns[8] ?? 0)]);
  }
  return { received, sent };
}
