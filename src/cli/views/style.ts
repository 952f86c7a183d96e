/** Colours for people, none for programs. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly blue: (text: string) => string;
  readonly magenta: (text: string) => string;
  readonly cyan: (text: string) => string;
}

const same = (text: string): string => text;

export const plainStyle: Style = {
  bold: same,
  dim: same,
  red: same,
  green: same,
  yellow: same,
  blue: same,
  magenta: same,
  cyan: same,
};

function paint(open: number, close: number): (text: string) => string {
  return (text) => (text === "" ? "" : `\u001b[${open}m${text}\u001b[${close}m`);
}

export const colourStyle: Style = {
  bold: paint(1, 22),
  dim: paint(2, 22),
  red: paint(31, 39),
  green: paint(32, 39),
  yellow: paint(33, 39),
  blue: paint(34, 39),
  magenta: paint(35, 39),
  cyan: paint(36, 39),
};

/** Text from outside without what would control the terminal. */
export function harmless(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(
    // oxlint-disable-next-line no-control-regex -- these are what is taken out
    /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|.)?|[\u0000-\u0008\u000b-\u001f\u007f\u0080-\u009f]/g,
    "",
  );
}

/** How many columns a text takes on the screen; colours take none, wide characters two. */
export function width(text: string): number {
  if (PLAIN.test(text)) return text.length;
  // oxlint-disable-next-line no-control-regex -- escape sequences begin with one
  const bare = text.replace(/\u001b\[[0-9;]*m/g, "");
  let columns = 0;
  for (const character of bare) columns += WIDE.test(character) ? 2 : 1;
  return columns;
}

/** Nearly every text: nothing that controls the terminal, each character as wide as any other. */
const PLAIN = /^[ -~]*$/;

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

/** At most that many columns; what is cut off is marked. Text without colours. */
export function fitted(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let result = "";
  for (const character of text) {
    if (width(result + character) > columns - 1) break;
    result += character;
  }
  return `${result}…`;
}

export function padded(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - width(text)));
}

export function counted(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
