// Kinds and connections that the other files of this folder use. Nothing here is ever run.
import { type Connection, provider, type Read } from "fettle/provider"
import { z } from "zod"
import { Secret } from "../../src/secrets/secret.ts"

/** What a provider gets of two unlike targets. */
export interface WebClient {
  get(path: string): Promise<string>
}
export interface DatabaseClient {
  query(text: string): Promise<readonly unknown[]>
}

export declare const web: Connection<WebClient>
export declare const database: Connection<DatabaseClient>
export declare const untyped: Connection

const pageProps = z.strictObject({
  path: z.string(),
  /** Only a secret will do. */
  key: z.instanceof(Secret<string>).optional(),
  /** A secret may stand here. */
  body: z.union([z.string(), z.instanceof(Secret<string>)]).default(""),
  tags: z.array(z.string()).default([]),
  size: z.strictObject({ width: z.number(), height: z.number().optional() }).optional(),
  labels: z.record(z.string(), z.string()).optional(),
  format: z.enum(["html", "text"]).default("html"),
  command: z.tuple([z.string()], z.string()).optional(),
  limits: z.strictObject({ memory: z.number().optional() }).optional(),
})

const pageOutputs = z.object({
  url: z.string(),
  version: z.number(),
  token: z.instanceof(Secret<string>),
  alias: z.string().optional(),
  format: z.enum(["html", "text"]),
  hosts: z.array(z.string()),
})

/** A kind that is reached through the web. */
export const page = provider({
  kind: "test.page",
  version: 1,
  about: "A page.",
  connects: "web",
  props: pageProps,
  outputs: pageOutputs,
  settles: "unique",
  id: (want) => want.path,
  read: async (keys, _call: Read<WebClient>) => new Map(keys.map((key) => [key.address, { absent: true }])),
  plan: () => ({ action: "create" }),
  ensure: async () => {
    throw new Error("never run")
  },
  delete: async () => {},
})

/** A kind that needs no connection. */
export const note = provider({
  kind: "test.note",
  version: 1,
  about: "A note.",
  connects: "none",
  props: z.strictObject({ text: z.string(), lines: z.number().default(1) }),
  outputs: z.object({ text: z.string() }),
  settles: "unique",
  id: (want) => want.text,
  read: async () => new Map(),
  plan: () => ({ action: "create" }),
  ensure: async (want) => ({ text: want.text }),
  delete: async () => {},
})
