import { z } from "zod"
import { isPlainValue } from "../../secrets/canonical.ts"

const compared = z
  .array(
    z
      .unknown()
      .refine(
        isPlainValue,
        "give a value or an output, as in conf.hash; a whole node or a function cannot be compared",
      ),
  )
  .default([])

const shape = z.strictObject({
  name: z
    .string()
    .max(200)
    .regex(/^[A-Za-z0-9_][A-Za-z0-9:_.@-]*$/, "a service is named by letters, digits and : _ . @ -")
    .refine((name) => !/@(\.[a-z]+)?$/.test(name), "a template is no service: name an instance of it, as in getty@tty1")
    .transform((name) => name.replace(/\.service$/, ""))
    .describe('The service, or the unit: "nginx", "fstrim.timer".'),
  enabled: z
    .union([z.boolean(), z.literal("any")])
    .default(true)
    .describe('Whether it starts at boot; "any" leaves that as it is.'),
  running: z
    .union([z.boolean(), z.literal("any")])
    .default(true)
    .describe('Whether it runs now; "any" leaves that as it is, for units that end by themselves.'),
  masked: z
    .boolean()
    .optional()
    .describe(
      "true: nobody can start it (systemd). false: it is unmasked where it is. Default: not looked at. What is to be masked is to be neither enabled nor running.",
    ),
  restartOn: compared.describe(
    "It is restarted when one of these differs from what it was started with: restartOn: [conf.hash].",
  ),
  reloadOn: compared.describe("It is reloaded, or restarted where it cannot reload, when one of these differs."),
  readyAfterMs: z
    .int()
    .min(0)
    .max(30_000)
    .default(500)
    .describe("It counts as started when it has stayed up for so long. Half a second where nothing is said."),
})

export const serviceProps = shape.superRefine(({ masked, enabled, running }, context) => {
  if (masked === true && (enabled !== false || running !== false))
    context.addIssue({
      code: "custom",
      path: ["masked"],
      message: "what is masked can neither be enabled nor run: add enabled: false and running: false",
    })
})

export const serviceOutputs = z.object({
  name: z.string(),
  manager: z.enum(["systemd", "openrc"]),
  /** Whether the host knows it at all. */
  exists: z.boolean(),
  enabled: z.boolean(),
  running: z.boolean(),
  masked: z.boolean(),
})

export type ServiceWant = z.output<typeof serviceProps>
export type ServiceOutputs = z.output<typeof serviceOutputs>
