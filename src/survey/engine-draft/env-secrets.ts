import { textHoldsSecret } from "../looks-secret.ts"

/** Names of variables that hold secrets. Better one too many: a value that is given from outside is not in the way of anybody. */
const SECRET_NAME =
  /TOKEN|PASSW|PASSPHRASE|SECRET|CREDENTIAL|PRIVATE|WEBHOOK|APIKEY|(?:^|[_-])(?:KEYS?|PASS|PWD|PW|AUTH|PAT|PIN|SALT|PEPPER|JWT|DSN|COOKIE|SIGNATURE|LICENSE)(?:[_-]|\d*$)|(?:KEY|PASS|PWD|AUTH)$/i
/** The value is where a secret lies, not the secret. */
const PLACE_NAME = /(?:_FILE|_PATH|_DIR)$/i
/** Switches and small numbers: no secret, whatever they are called. */
const HARMLESS = /^(?:|yes|no|true|false|on|off|none|null|auto|enabled?|disabled?|\d{1,4})$/i

/** Whether a variable of an environment looks secret: by its name, or by what stands in it. */
export function envHoldsSecret(name: string, value: string): boolean {
  if (HARMLESS.test(value)) return false
  if (textHoldsSecret(value) || (/\s/.test(value) && lineHoldsSecret(value))) return true
  if (PLACE_NAME.test(name) && /^[/.\w-]+$/.test(value) && value.startsWith("/")) return false
  return SECRET_NAME.test(name)
}

/** An option whose next word is a secret: "--requirepass hunter2". */
const SECRET_OPTION =
  /^-{1,2}[\w.-]*(?:passw?(?:ord|phrase|wd)?|secret|token|api-?key|access-?key|private-?key|pwd)[\w.-]*$/i
/** An option of a client that takes a password beside it. */
const CLIENT_OPTIONS: readonly RegExp[] = [
  /\bredis-cli\b.*\s-a\s+\S/,
  /\b(?:mysql|mariadb)\w*(?:-\w+)?\b.*\s-p\S/,
  /\bcurl\b.*\s(?:-u|--user)\s+\S+:\S/,
  /\b(?:Authorization|X-[\w-]*(?:Key|Token))\s*:\s*\S/i,
]

/** Whether a line of words holds what looks like a secret. */
export function lineHoldsSecret(line: string): boolean {
  if (textHoldsSecret(line) || CLIENT_OPTIONS.some((rule) => rule.test(line))) return true
  const words = line.split(/[\s"']+/)
  return words.some((word, at) => {
    const next = words[at + 1] ?? ""
    return SECRET_OPTION.test(word) && next !== "" && !/^(?:-|\/|\$)/.test(next) && !HARMLESS.test(next)
  })
}

/** A name for a variable of the operator's own environment: "SHOP_DB_PASSWORD". */
export function variableName(container: string, name: string, taken: ReadonlySet<string>): string {
  const words = `${container}_${name}`
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "")
  const base = `${/^[A-Z]/.test(words) ? "" : "X"}${words}`.slice(0, 100)
  for (let number = 1; ; number += 1) {
    const tried = number === 1 ? base : `${base}_${number}`
    if (!taken.has(tried)) return tried
  }
}
