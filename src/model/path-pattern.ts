/**
 * Which places of a resource a pattern means: `spec.env.*`, `spec.users[app].access`. A star stands for one step; whatever is
 * below a place that fits, fits.
 */

/** The steps of a path or pattern: names, positions, names of list items. */
export function stepsIn(path: string): readonly string[] {
  const steps: string[] = [];
  for (const match of path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[([^\]]*)\]|([^.[\]]+)/g))
    steps.push(match[1] ?? match[2] ?? match[3] ?? "");
  return steps;
}

export function fitsPattern(path: string, pattern: string): boolean {
  const steps = stepsIn(path);
  const wanted = stepsIn(pattern);
  return (
    wanted.length > 0 &&
    wanted.every((step, index) => step === "*" || step === steps[index]) &&
    wanted.length <= steps.length
  );
}
