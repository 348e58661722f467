import { z } from "zod"
import { Secret } from "./secret.ts"

/**
 * The schema of a secret of text, for the props and outputs of a kind: a program passes `secret.env(…)` and its like, a
 * kind opens it with `call.reveal`, and gives one back with `call.secret`.
 * @example props: z.strictObject({ name: z.string(), password: secretText })
 */
export const secretText = z
  .custom<Secret<string>>((value) => value instanceof Secret, "a secret belongs here")
  .meta({ title: "secret" })
