import { z } from "zod"
import { ssh } from "../connect/host/ssh.ts"
import type { SshOptions } from "../connect/host/ssh-line.ts"
import { Secret } from "../secrets/secret.ts"
import type { HostParts, Way } from "./inventory.ts"
import { invalid, type Vars } from "./raw.ts"

/** A host as it is written in code or printed by a command: its name alone, or with the way to it. */
export type Given =
  | string
  | (Omit<SshOptions, "name" | "tags"> & {
      readonly name: string
      /** What ssh is given. Default: the name. */
      readonly host?: string
      readonly groups?: readonly string[]
      readonly tags?: readonly string[]
      readonly vars?: Vars
    })

const words = z.array(z.string().min(1)).optional()

const schema = z.strictObject({
  name: z.string().min(1),
  host: z.string().optional(),
  user: z.string().optional(),
  port: z.number().optional(),
  config: z.string().optional(),
  identityFile: z.string().optional(),
  kex: z.literal("fast").optional(),
  become: z
    .union([
      z.enum(["sudo", "doas"]),
      z.strictObject({
        by: z.enum(["sudo", "doas"]),
        user: z.string().optional(),
        password: z.instanceof(Secret).optional(),
      }),
    ])
    .optional(),
  groups: words,
  tags: words,
  vars: z.record(z.string(), z.unknown()).optional(),
})

/** @throws FettleError `INVENTORY_INVALID` */
export function givenHosts(list: readonly Given[], where: string): readonly HostParts[] {
  const names = new Set<string>()
  return list.map((each, at) => {
    const parsed = schema.safeParse(typeof each === "string" ? { name: each } : each)
    if (!parsed.success) throw invalid(where, `host ${at + 1}: ${z.prettifyError(parsed.error)}`)
    const { name, host = name, groups, tags, vars, ...options } = parsed.data
    if (names.has(name)) throw invalid(where, `two hosts are called ${name}`)
    names.add(name)
    return {
      ...partsOf(name, { connect: (more) => ssh(host, { ...(options as SshOptions), ...more }) }),
      groups,
      tags,
      vars,
    }
  })
}

export function partsOf(name: string, way: Way): HostParts {
  return { name, way: () => way }
}
