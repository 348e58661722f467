import { FettleError } from "../errors.ts"
import { Secret } from "./secret.ts"

interface SourceOptions {
  /** Name shown in plans and logs; by default the variable, the path or the program. */
  readonly name?: string
  /** Accepts a value under 8 characters, which cannot be redacted without cutting ordinary words. */
  readonly weak?: boolean
}

/**
 * Sources of secrets. Naming one reads nothing: a run opens it when a node that names it needs it.
 * @example const key = secret.env("SHOP_KEY")
 */
export const secret = {
  /** A variable of the environment that fettle is started with. */
  env: (variable: string, options: SourceOptions = {}): Secret<string> =>
    make(options.name ?? variable, { type: "env", variable }, options),
  /** A file that only its owner can read; one newline at its end is left out. */
  file: (path: string, options: SourceOptions = {}): Secret<string> =>
    make(options.name ?? path, { type: "file", path }, options),
  /** What a command prints; one newline at its end is left out. No shell. */
  command: (command: readonly [string, ...string[]], options: SourceOptions = {}): Secret<string> =>
    make(options.name ?? command[0], { type: "command", command: [...command] }, options),
  /** Made once, kept sealed in state, the same ever after. `bytes` of randomness (default 24), as base64url text. */
  random: (name: string, options: { readonly bytes?: number } = {}): Secret<string> => {
    const bytes = options.bytes ?? 24
    if (!Number.isInteger(bytes) || bytes < 8 || bytes > 1024)
      throw new FettleError("PROPS_INVALID", `secret.random("${name}"): bytes is ${bytes}, it must be 8 to 1024`)
    return make(name, { type: "random", bytes }, {})
  },
  /** Asked for on the terminal, once a run; refused where there is none. */
  prompt: (name: string, options: SourceOptions & { readonly question?: string } = {}): Secret<string> =>
    make(name, { type: "prompt", question: options.question ?? `${name}: ` }, options),
} as const

function make(name: string, source: ConstructorParameters<typeof Secret>[1], options: SourceOptions): Secret<string> {
  return new Secret<string>(name, source, { weak: options.weak ?? false })
}
