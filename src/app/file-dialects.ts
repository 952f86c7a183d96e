/** Formats of other tools' files that a declaration may hold. */
import { argoFiles } from "../dialects/argo/file.ts";
import { statesLanguageFiles } from "../dialects/states-language/file.ts";
import type { FileDialect } from "../sdk/load/dialect.ts";

export const fileDialects: readonly FileDialect[] = [argoFiles, statesLanguageFiles];
