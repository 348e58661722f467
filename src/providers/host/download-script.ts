import { posix } from "node:path"
import type { SealedContent } from "../../connect/host/kind.ts"
import { quote } from "../../connect/host/quote.ts"
import { THEIRS } from "../../connect/host/shell.ts"
import { Secret } from "../../secrets/secret.ts"

/** How the script of a download ends where not well. */
export const ENDS = {
  noFolder: 21,
  refused: 22,
  /** What came is not what was wanted: its hash stands in the last line. */
  otherHash: 25,
  failed: 26,
  noTool: 42,
} as const

/** How long a far side may take to answer, and to send nothing in the middle of it. */
const CONNECT_S = 30
const SILENCE_S = 60

export interface DownloadParts {
  readonly path: string
  readonly sha256: string
  /** SHA-256 that was read, or "absent". */
  readonly expect: string
  readonly mode: string
  /** "user:group" as chown takes it, or "". */
  readonly owner: string
  readonly hasSecrets: boolean
}

/**
 * Fetches beside the place, looks at the hash, and puts it in place by a rename. Address and headers stand in files that only this
 * user can read, and not in the process list, but for busybox, which takes them no other way and so gets no secrets.
 */
export function downloadScript({ path, sha256, expect, mode, owner, hasSecrets }: DownloadParts): string {
  const folder = posix.dirname(path)
  const stage = posix.join(folder, `.fettle-download-${sha256.slice(0, 16)}`)
  return `strict=1 U=$(id -u) p=${quote(path)} d=${quote(folder)} t=${quote(stage)}
${THEIRS}
[ -d "$d" ] || { printf 'there is no directory %s\\n' "$d" >&2; exit ${ENDS.noFolder}; }
! theirs "$d" || { printf '%s\\n' "$w" >&2; exit ${ENDS.refused}; }
hash() { h=$(sha256sum <"$1") || exit 20; h=\${h%% *}; }
if [ -L "$p" ] || [ -d "$p" ]; then exit 10; fi
if [ -e "$p" ]; then hash "$p"; else h=absent; fi
case $h in ${sha256}|${expect}) ;; *) exit 10;; esac
if [ "$h" != ${sha256} ]; then
  umask 077
  rm -f -- "$t" || exit 20
  trap 'rm -f -- "$t"' EXIT; trap 'exit 143' TERM INT
  if command -v curl >/dev/null 2>&1; then o=$(curl -q -K "$S/curl" -o "$t" 2>&1); r=$?
  elif command -v wget >/dev/null 2>&1; then
    case $(wget --version 2>&1) in
      *'GNU Wget'*) o=$(wget -nv --config="$S/wget" -O "$t" -i "$S/url" 2>&1); r=$?;;
      *) ${
        hasSecrets
          ? `printf 'the wget of the host takes headers only where everybody can read them\\n' >&2; exit ${ENDS.noTool}`
          : `set --; while read -r l; do set -- "$@" --header "$l"; done <"$S/headers"
        o=$(wget -q "$@" -O "$t" "$(cat "$S/url")" 2>&1); r=$?`
      };;
    esac
  else printf 'the host has neither curl nor wget\\n' >&2; exit ${ENDS.noTool}; fi
  [ $r = 0 ] || { printf '%s\\n' "$o" | tail -n 3 >&2; exit ${ENDS.failed}; }
  hash "$t"
  [ "$h" = ${sha256} ] || { printf '%s %s\\n' "$(wc -c <"$t")" "$h" >&2; exit ${ENDS.otherHash}; }
  ${
    owner === ""
      ? ""
      : `chown -- ${quote(owner)} "$t" || exit 20
  `
  }chmod -- ${mode} "$t" || exit 20
  sync "$t" 2>/dev/null || sync
  mv -f -- "$t" "$p" || exit 20
  sync "$d" 2>/dev/null || sync
else ${owner === "" ? ":" : `chown -h -- ${quote(owner)} "$p" || exit 20`}; chmod -- ${mode} "$p" || exit 20
fi
stat -c %s:%a:%u:%g:%U:%G -- "$p"`
}

type Headers = Readonly<Record<string, string | Secret<string>>>

/** The files that the tools read: each tool its own. */
export function downloadSlots(url: string, headers: Headers): Readonly<Record<string, string | SealedContent>> {
  const secrets = Object.values(headers).filter((value) => value instanceof Secret)
  const lines = (open: (secret: Secret<unknown>) => string): readonly string[] =>
    Object.entries(headers).map(([name, value]) => `${name}: ${value instanceof Secret ? oneLine(open(value)) : value}`)
  const sealed = (build: SealedContent["build"]): SealedContent => ({ secrets, build })
  const inQuotes = (text: string): string => `"${text.replace(/[\\"]/g, "\\$&")}"`
  return {
    url: `${url}\n`,
    headers: sealed((open) =>
      lines(open)
        .map((each) => `${each}\n`)
        .join(""),
    ),
    wget: sealed((open) =>
      [
        `connect_timeout = ${CONNECT_S}`,
        `read_timeout = ${SILENCE_S}`,
        "tries = 3",
        ...lines(open).map((each) => `header = ${each}`),
        "",
      ].join("\n"),
    ),
    curl: sealed((open) =>
      [
        `url = ${inQuotes(url)}`,
        "fail",
        "silent",
        "show-error",
        "location",
        "globoff",
        `proto-redir = ${url.startsWith("https:") ? '"=https"' : '"=http,https"'}`,
        `connect-timeout = ${CONNECT_S}`,
        `speed-time = ${SILENCE_S}`,
        "speed-limit = 1",
        "retry = 2",
        ...lines(open).map((each) => `header = ${inQuotes(each)}`),
        "",
      ].join("\n"),
    ),
  }
}

/** A secret with a newline would become lines of its own. */
function oneLine(text: string): string {
  if (/[\r\n\0]/.test(text)) throw new Error("a header is one line, and its secret has several")
  return text
}
