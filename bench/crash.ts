/**
 * Crash safety: kills the control plane with SIGKILL at random moments during up, scale, rollout and down, starts it
 * again and checks the invariants C1 to C5 of test/support/crash.ts. Prints figures; ends with 1 when one was broken.
 *
 *   node bench/crash.ts [kills = 200] [seed]
 */
import { CrashRun, type Round, seeded } from "../test/support/crash.ts";
import { TestHome } from "../test/support/home.ts";

const wanted = Number(process.argv[2] ?? 200);
const seed = Number(process.argv[3] ?? Math.trunc(Math.random() * 2 ** 31));
const home = new TestHome();
const rounds: Round[] = [];
let interrupted = false;
process.once("SIGINT", () => (interrupted = true));

const kills = (): number => rounds.reduce((sum, round) => sum + round.kills, 0);

function report(): void {
  const sorted = rounds.map(({ convergence }) => convergence).toSorted((a, b) => a - b);
  const at = (share: number): number => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0);
  for (const change of ["up", "scale", "rollout", "down"] as const) {
    const of = rounds.filter((round) => round.change === change);
    const acknowledged = of.filter((round) => round.acknowledged).length;
    const applied = of.filter((round) => round.applied).length;
    console.log(
      `${change.padEnd(8)} ${of.length} rounds, ${acknowledged} acknowledged, ${applied} in force afterwards`,
    );
  }
  const broken = rounds.flatMap(({ violations }) => violations);
  console.log(`convergence after the start: p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, longest ${at(1)} ms`);
  console.log(`${kills()} kills, ${broken.length} violations (seed ${seed})`);
  if (broken.length > 0) process.exitCode = 1;
}

try {
  await home.serve();
  const run = new CrashRun(home, seeded(seed));
  while (kills() < wanted && !interrupted) {
    const round = await run.round();
    rounds.push(round);
    const { change, acknowledged, applied, convergence, violations } = round;
    console.log(
      `${String(kills()).padStart(4)} ${change.padEnd(8)} ${acknowledged ? "acknowledged" : "not acknowledged"}, ${applied ? "in force" : "not in force"}, converged in ${Math.round(convergence)} ms`,
    );
    for (const violation of violations) console.log(`     VIOLATION ${violation}`);
  }
} finally {
  report();
  await home.destroy();
}
