import { SECRET_DIRECTIVE, SECRET_PATTERNS } from "./secret-patterns.ts"

/** Places and names of files that hold secrets. Better one too many: their text is never shown and never drafted. */
const SECRET_PATHS: readonly RegExp[] = [
  /\/(shadow|gshadow|opasswd|krb5\.keytab|chap-secrets|pap-secrets|debian\.cnf|auth\.json|id_[a-z0-9]+)-?$/,
  /\.(key|keytab|p12|pfx|jks|kdbx|htpasswd|secrets?|token|age|vault|pgpass|netrc|creds?)$/i,
  /\/(private|private_keys|secrets?|credentials|credstore(\.encrypted)?|system-connections|wireguard)\//i,
  /\/letsencrypt\/(accounts|archive|keys|live)\//,
  /\/(\.?htpasswd|passwd\.client|sasl_passwd(\.db)?|\.pgpass|\.netrc|\.my\.cnf|wpa_supplicant\.conf|rsyncd\.secrets)$/i,
  /(passw(or)?ds?|secrets?|credentials?|token|apikey|api_key|privkey|privatekey)[^/]*$/i,
  /\.env(\.[a-z]+)?$/i,
]

/** Files whose name says so and that hold none, and files that only root may read, as is their custom. */
const OPEN_PATHS =
  /^\/etc\/(sudoers(\.d\/[^/]+)?|doas\.conf|(cron|at)\.(allow|deny)|crypttab|crontab|cron\.d\/[^/]+|pam\.d\/[^/]+|nftables\.conf|iptables\/[^/]+|ufw\/[^/]+|audit\/.*|default\/useradd|login\.defs|securetty)$/

/** Whether its place, or a mode that lets not everybody read it, says that a file holds a secret. */
export function pathHoldsSecret(path: string, mode: string): boolean {
  if (OPEN_PATHS.test(path)) return false
  return SECRET_PATHS.some((rule) => rule.test(path)) || (Number.parseInt(mode, 8) & 0o004) === 0
}

/** What is a secret wherever it stands: keys, tokens, hashes of passwords, addresses with a password. */
const SECRET_TEXTS: readonly RegExp[] = [
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY/,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20}|\bgithub_pat_|\bxox[abprs]-|\bglpat-|\bsk-[\w-]{20}|\bAIza[\w-]{30}/,
  /\$(?:1|2[abxy]|5|6|y|7|apr1|argon2[a-z]*)\$[./\w$=,-]{12}|\{(?:SSHA|SHA|MD5|CRYPT)\}[A-Za-z0-9+/=]{8}/i,
  /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@'"]{0,100}:[^\s/@'"]{1,200}@/i,
  /\beyJ[\w-]{10,2000}\.eyJ[\w-]{10}/,
  /\bhooks\.slack\.com\/(?:services|workflows|triggers)\/\w|\bdiscord(?:app)?\.com\/api\/webhooks\/\d|\bapi\.telegram\.org\/bot\d+:\w|\bwebhook\.office\.com\/webhookb2\/\w/i,
]

/** Values that are none: switches, words of prose and of PAM, and references to what stands elsewhere. */
const HARMLESS =
  /^(?:yes|no|true|false|on|off|none|null|nil|undef|sufficient|required|requisite|optional|include|files|prompt|never|always|default|enabled?|disabled?|systemd|compat|sha\d+|yescrypt|md5|without-password|prohibit-password|\d{1,4}|[$<%{[(/-].*|pam_.*)$/i

/** Longest piece of a line that is looked at as one, and how much of it the next piece begins with. */
const PIECE_MAX = 4_096
const OVERLAP = 512

/** Whether a text holds what looks like a secret. */
export function textHoldsSecret(text: string): boolean {
  return SECRET_TEXTS.some((rule) => rule.test(text)) || text.split("\n").some(lineHoldsSecret)
}

function lineHoldsSecret(line: string): boolean {
  for (let from = 0; from === 0 || from + OVERLAP < line.length; from += PIECE_MAX - OVERLAP)
    if (pieceHoldsSecret(line.slice(from, from + PIECE_MAX))) return true
  return false
}

function pieceHoldsSecret(piece: string): boolean {
  const directive = SECRET_DIRECTIVE.exec(piece)?.[1]
  if (directive !== undefined && !HARMLESS.test(directive)) return true
  return SECRET_PATTERNS.some(({ text, where }) => {
    if (where?.test(piece) === false) return false
    for (const [, value = ""] of piece.matchAll(text)) if (!HARMLESS.test(value)) return true
    return false
  })
}
