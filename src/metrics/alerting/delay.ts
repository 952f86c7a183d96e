/** The longest that a timer of Node waits, in milliseconds: one that is set for longer fires at once. */
export const LONGEST_DELAY = 2 ** 31 - 1;
