import type { AnyProvider } from "../provider.ts"

/** The kinds that come with Fettle, each loaded only when state names it. A closed table: state never names code. */
const KINDS: Readonly<Record<string, () => Promise<AnyProvider>>> = {
  "host.directory": async () => (await import("../host.ts")).directory,
  "host.file": async () => (await import("../host.ts")).file,
  "host.link": async () => (await import("../host.ts")).link,
  "host.process": async () => (await import("../host.ts")).process,
  "http.object": async () => (await import("../http.ts")).object,
  "sqlite.migrations": async () => (await import("../sqlite.ts")).migrations,
}

/** The provider of a built-in kind; undefined for any other name. */
export async function builtInKind(kind: string): Promise<AnyProvider | undefined> {
  return Object.hasOwn(KINDS, kind) ? KINDS[kind]?.() : undefined
}

/** Names of all built-in kinds. */
export function builtInKinds(): readonly string[] {
  return Object.keys(KINDS)
}
