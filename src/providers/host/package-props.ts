import { z } from "zod"

/** What installs packages on a host. */
export const managers = ["apt", "dnf", "apk"] as const
export type Manager = (typeof managers)[number]

/** Debian's rules for names, and the capitals and underscores of the others; what a manager takes for an option, a pattern or a removal is none. */
const packageName = z
  .string()
  .max(200)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9+._-]*(:[a-z0-9-]+)?$/,
    'a package is named by letters, digits and + . _ -, with ":i386" behind it for another architecture of Debian',
  )
  .refine((name) => !name.endsWith("-"), "apt takes a name with - at its end for a removal")

const shape = z.strictObject({
  name: packageName.describe("The name of the package in the host's repositories."),
  version: z
    .string()
    .max(200)
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9+._:~^-]*\*?$/,
      'a version is written as the host tells it, or with * at its end: "1.24.*"',
    )
    .optional()
    .describe(
      'The version it must have, as the host tells it; with * at its end any that begins so: "1.24.*". An older one is gone back to. Default: whatever is there, and the newest that the lists know where none is.',
    ),
  latest: z
    .boolean()
    .default(false)
    .describe(
      "In place of version: it is upgraded when the host's package lists know a newer one. A plan looks at the lists as they are, and never refreshes them.",
    ),
  manager: z
    .enum(managers)
    .optional()
    .describe("What installs it. Default: the one the host has: apt, apk, dnf (or yum), looked for in this order."),
  recommends: z
    .boolean()
    .optional()
    .describe("Whether packages that it only recommends come along. Default: as the host is set up. Not for apk."),
  startServices: z
    .boolean()
    .default(true)
    .describe(
      "false keeps apt from starting its services while it is installed (policy-rc.d), so that they first start with their own configuration.",
    ),
  refreshAfterMinutes: z
    .int()
    .min(0)
    .optional()
    .describe(
      "Before an installation the package lists are refreshed where they are older than this. Without it they are refreshed only where a package, a version or a file of it is not found.",
    ),
  lockWaitMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(120_000)
    .describe(
      "How long to wait while somebody else works with packages on the host. Two minutes where nothing is said.",
    ),
  purge: z
    .boolean()
    .default(false)
    .describe("Whether its configuration goes too when it leaves the program (apt, apk)."),
})

export const packageProps = shape.superRefine(({ version, latest }, context) => {
  if (latest && version !== undefined)
    context.addIssue({ code: "custom", path: ["latest"], message: "give either version or latest" })
})

export const packageOutputs = z.object({
  name: z.string(),
  /** As the host tells it; it moves with upgrades. */
  version: z.string(),
  manager: z.enum(managers),
})

export type PackageWant = z.output<typeof packageProps>
export type PackageOutputs = z.output<typeof packageOutputs>
