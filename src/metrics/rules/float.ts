/** A number as Go's ParseFloat and YAML read it: `1.5e3`, `0x1F`, `+Inf`, `.nan`; undefined when the text is none. */
export function parseFloatText(text: string): number | undefined {
  const special = /^([+-]?)\.?(?:inf(?:inity)?|(nan))$/i.exec(text);
  if (special !== null) {
    if (special[2] !== undefined) return Number.NaN;
    return special[1] === "-" ? -Infinity : Infinity;
  }
  if (!/^[+-]?(?:0[xX][\da-fA-F]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)$/.test(text))
    return undefined;
  const digits = text.replaceAll("_", "");
  return digits.startsWith("-") ? -Number(digits.slice(1)) : Number(digits.replace(/^\+/, ""));
}
