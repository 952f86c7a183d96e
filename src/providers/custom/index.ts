/** Kinds of people's own, made by functions of theirs. */
export { type CustomProvider, customProvider } from "./provider.ts";
