import { z } from "zod"
import { OURS } from "./labels.ts"

/** A name as the Engine takes it for containers, networks and volumes. */
export const engineName = z
  .string()
  .regex(
    /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/,
    "a name is letters, digits and _ . -, at least two, and begins with a letter or digit",
  )

/** Labels of the program's own. */
export const ownLabels = z
  .record(z.string().min(1), z.string())
  .refine((labels) => !Object.keys(labels).some((name) => name.startsWith(OURS)), `${OURS}* are our marks`)
  .default({})
