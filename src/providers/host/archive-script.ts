import { quote } from "../../connect/host/quote.ts"
import { THEIRS } from "../../connect/host/shell.ts"

/** How the scripts of archives end where not well. */
export const ENDS = { refused: 22, otherHash: 25, failed: 26, noTool: 42 } as const

/** What an archive wrote is noted here, in its own folder: its hash, then a path a line. */
export const NOTE = ".fettle-archive"

/**
 * Tells what was unpacked into folders, a paragraph for each: `at PATH`, `hash …` and the numbers of files that are noted and that
 * are gone. No process for a folder, however many files it has.
 */
export const readScript = `for d; do
  printf 'at %s\\n' "$d"
  [ -f "$d/${NOTE}" ] || { [ ! -e "$d" ] || printf 'other\\n'; printf '\\n'; continue; }
  { read -r h x && k=0 g=0 && while IFS= read -r p; do
      k=$((k + 1)); [ -e "$d/$p" ] || [ -L "$d/$p" ] || g=$((g + 1))
    done; printf 'hash %s\\nfiles %s\\ngone %s\\n\\n' "$h" "$k" "$g"; } <"$d/${NOTE}"
done`

export interface UnpackParts {
  readonly path: string
  readonly archive: string
  readonly sha256: string
  readonly format: "tar" | "zip"
  /** How many folders, each alone in the one above, are left out. */
  readonly strip: number
  readonly mode: string
  /** "user:group" as chown takes it, or "". */
  readonly owner: string
  /** What the note said when it was read: a hash, or "" where there was none. */
  readonly expect: string
}

const HEAD = (path: string): string => `strict=1 U=$(id -u) d=${quote(path)}
${THEIRS}
! theirs "\${d%/*}" || { printf '%s\\n' "$w" >&2; exit ${ENDS.refused}; }
[ ! -L "$d" ] || { printf '%s is a symbolic link\\n' "$d" >&2; exit ${ENDS.refused}; }
note="$d/${NOTE}"
hash() { h=; [ ! -f "$note" ] || { read -r h x <"$note"; } || exit 20; }
`

/**
 * Unpacks beside what is there, looks at what came, and copies it over: what is somebody else's is not replaced. The note is written
 * first, unfinished: whatever a crash leaves is known, and unpacked again. What only the last archive held goes.
 */
export function unpackScript(parts: UnpackParts): string {
  const { path, archive, sha256, format, strip, mode, owner, expect } = parts
  return `${HEAD(path)}a=${quote(archive)} n=${strip}
[ -f "$a" ] || { printf 'there is no archive %s\\n' "$a" >&2; exit ${ENDS.refused}; }
h=$(sha256sum <"$a") || exit 20; h=\${h%% *}
[ "$h" = ${sha256} ] || { printf '%s\\n' "$h" >&2; exit ${ENDS.otherHash}; }
hash; case $h in ${quote(expect)}|${sha256}|unfinished) ;; *) exit 10;; esac
umask 022
[ -d "$d" ] || mkdir -- "$d" || exit 20
new=$d/.fettle-unpack
trap 'rm -rf -- "$new" "$note.files"' EXIT; trap 'exit 143' TERM INT
rm -rf -- "$new" && mkdir -m 700 -- "$new" && cd -- "$new" || exit 20
${format === "zip" ? ZIP : TAR}
while [ $n -gt 0 ]; do
  n=$((n - 1)); set --
  for p in * .[!.]* ..?*; do [ ! -e "$p" ] && [ ! -L "$p" ] || set -- "$@" "$p"; done
  [ $# = 1 ] && [ -d "$1" ] && [ ! -L "$1" ] || { printf 'it has no single folder at its top that could be left out\\n' >&2; exit ${ENDS.failed}; }
  cd -- "./$1" || exit 20
done
if find . -name '*
*' | grep -q .; then printf 'a name in it has a line break\\n' >&2; exit ${ENDS.failed}; fi
find . ! -type d | sed 's#^\\./##' | sort >"$note.files" || exit 20
[ -s "$note.files" ] || { printf 'there is no file in it\\n' >&2; exit ${ENDS.failed}; }
old() { [ ! -f "$note" ] || sed 1d "$note"; }
more() { awk '$0 == "//" { next_one = 1; next } !next_one { known[$0] } next_one && !($0 in known)'; }
{ old; echo //; cat -- "$note.files"; } | more | while IFS= read -r p; do
  [ ! -e "$d/$p" ] && [ ! -L "$d/$p" ] || { printf '%s is there, and was not unpacked by fettle\\n' "$d/$p"; exit 1; }
done >&2 || exit ${ENDS.refused}
${owner === "" ? "" : `chown -R -h -- ${quote(owner)} . || exit 20\n`}{ echo unfinished; old | cat - "$note.files" | sort -u; } >"$note.new" && mv -f -- "$note.new" "$note" || exit 20
chmod ${mode} . && tar -cf - . | tar -xpf - -C "$d" || exit 20
{ printf '%s\\n' ${sha256}; cat -- "$note.files"; } >"$note.new" || exit 20
{ cat -- "$note.files"; echo //; old; } | more | while IFS= read -r p; do rm -f -- "$d/$p"; while p=\${p%/*} && [ -n "$p" ] && rmdir -- "$d/$p" 2>/dev/null; do case $p in */*) ;; *) break;; esac; done; done
chmod 644 "$note.new" && sync && mv -f -- "$note.new" "$note" && wc -l <"$note.files"`
}

/** The tar of busybox does not tell by itself how an archive is packed. Ownership in an archive means nothing on another host: all belongs to whoever unpacks it. */
const TAR = `case $a in
  *.gz|*.tgz|*.GZ) z=gzip;; *.xz|*.txz) z=xz;; *.bz2|*.tbz|*.tbz2) z=bzip2;; *.zst|*.tzst) z=zstd;; *) z=;;
esac
[ -z "$z" ] || command -v $z >/dev/null 2>&1 || { printf 'the host has no %s\\n' $z >&2; exit ${ENDS.noTool}; }
o=$({ if [ -n "$z" ]; then $z -dc <"$a" | tar -xof -; else tar -xof "$a"; fi; } 2>&1) || { printf '%s\\n' "$o" | tail -n 3 >&2; exit ${ENDS.failed}; }`
const ZIP = `command -v unzip >/dev/null 2>&1 || { printf 'the host has no unzip\\n' >&2; exit ${ENDS.noTool}; }
o=$(unzip -q -o "$a" 2>&1 </dev/null) || { printf '%s\\n' "$o" | tail -n 3 >&2; exit ${ENDS.failed}; }`

/** Takes out what was unpacked, and the folders that are empty then; what others put there stays. */
export function removeScript(path: string, expect: string): string {
  return `${HEAD(path)}[ -f "$note" ] || exit 0
hash; case $h in ${quote(expect)}|unfinished) ;; *) exit 10;; esac
cd -- "$d" || exit 20
sed 1d "$note" | while IFS= read -r p; do printf './%s\\n' "$p"; done | tr '\\n' '\\0' | xargs -0 rm -f -- || exit 20
sed 1d "$note" | while IFS= read -r p; do case $p in */*) printf './%s\\n' "\${p%/*}";; esac; done | sort -ru | while IFS= read -r p; do
  while [ "$p" != . ] && rmdir -- "$p" 2>/dev/null; do p=\${p%/*}; done
done
rm -f -- "$note" && cd / && { rmdir -- "$d" 2>/dev/null || :; }`
}
