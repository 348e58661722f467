import { z } from "zod"
import { secretText } from "../../secrets/secret-text.ts"
import { hostPath } from "./props.ts"

/** Longest name that Linux and utmp take. */
const NAME_MAX = 32
/** The number before the last of 32 bits, which means "nobody asked". */
const ID_MAX = 4_294_967_293

const accountName = z
  .string()
  .max(NAME_MAX)
  .regex(/^[A-Za-z_][A-Za-z0-9_.-]*\$?$/, "it begins with a letter or _, and goes on with letters, digits and _ . -")

const accountId = z.int().min(0).max(ID_MAX)

/** What can stand in one field of /etc/passwd. */
const field = (of: z.ZodString): z.ZodString =>
  of.regex(/^[^:\n\0]*$/, "a field of /etc/passwd holds no colon and no newline")
const pathField = hostPath.refine((path) => !/[:\n]/.test(path), "a field of /etc/passwd holds no colon and no newline")

export const groupProps = z.strictObject({
  name: accountName.describe("The name of the group."),
  gid: accountId.optional().describe("Its number. Default: the next that is free."),
  system: z.boolean().default(false).describe("Whether a new one gets a number below those of people."),
})

export const groupOutputs = z.object({ name: z.string(), gid: z.number() })

export const userProps = z.strictObject({
  name: accountName.describe("The name of the user."),
  uid: accountId.optional().describe("Its number. Default: the next that is free."),
  group: accountName
    .optional()
    .describe(
      "Its primary group, which must be there. Default: one of its own name, made with it, or as the host is set up.",
    ),
  groups: z
    .array(accountName)
    .optional()
    .transform((names) => names && [...new Set(names)].sort())
    .describe("Groups that it is also in, which must be there. Others that it is in stay, unless `exactGroups`."),
  exactGroups: z
    .boolean()
    .default(false)
    .describe("Whether it is taken out of all groups that `groups` does not name."),
  shell: pathField.optional().describe("Its shell. Default: as the host is set up."),
  home: pathField
    .optional()
    .describe("Its home folder; what is in the old one is not moved. Default: as the host is set up."),
  createHome: z
    .boolean()
    .optional()
    .describe("Whether a home folder is made with it. Default: for people yes, for system users no."),
  comment: field(z.string().max(500)).optional().describe("Its full name, or what it is for."),
  system: z.boolean().default(false).describe("Whether a new one gets a number below those of people."),
  password: secretText
    .optional()
    .describe(
      "A secret with the hash of its password, as `mkpasswd` or `openssl passwd -6` prints it. Only its fingerprint is compared and remembered. Default: a new one has none.",
    ),
  locked: z
    .boolean()
    .optional()
    .describe(
      "true: no password opens it; keys still do. Default: not looked at, and not locked where `password` is given.",
    ),
  purge: z.boolean().default(false).describe("Whether its home folder and mail go too when it leaves the program."),
})

export const userOutputs = z.object({
  name: z.string(),
  uid: z.number(),
  gid: z.number(),
  /** The name of its primary group, or its number where it has none. */
  group: z.string(),
  /** All others, by name. */
  groups: z.array(z.string()),
  shell: z.string(),
  home: z.string(),
  comment: z.string(),
  /** Where `locked` or `password` is wanted. */
  locked: z.boolean().optional(),
  /** The keyed fingerprint of the hash, where `password` is wanted. */
  password: z.string().optional(),
})

export type GroupWant = z.output<typeof groupProps>
export type GroupOutputs = z.output<typeof groupOutputs>
export type UserWant = z.output<typeof userProps>
export type UserOutputs = z.output<typeof userOutputs>
