import { refuse } from "../diagnostics/diagnostic.ts";

const FACTORS: Readonly<Record<string, number>> = {
  "": 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

export const QUANTITY_PATTERN = /^(\d+(?:\.\d+)?)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/;

/** The number that a Kubernetes quantity stands for: `500m` is 0.5, `64Mi` is 67108864. */
export function parseQuantity(text: string): number {
  const match = QUANTITY_PATTERN.exec(text.trim());
  if (match === null) {
    refuse({
      code: "InvalidQuantity",
      message: `'${text}' is not a quantity.`,
      hint: "Write for example 500m, 2, 64Mi or 1G.",
    });
  }
  return Number(match[1]) * (FACTORS[match[2] ?? ""] ?? 1);
}

/** As people read it: `1.5Gi`. */
export function formatBytes(value: number): string {
  if (!Number.isFinite(value)) return "-";
  for (const unit of ["Ti", "Gi", "Mi", "Ki"]) {
    const size = FACTORS[unit] ?? 1;
    if (value >= size) return `${Number((value / size).toPrecision(3))}${unit}`;
  }
  return String(Math.round(value));
}
