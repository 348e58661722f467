import { quote, quoteAll } from "../../connect/host/quote.ts"

/** How the scripts of firewalls end where not well. */
export const ENDS = { refused: 22, noTool: 33, notRoot: 41 } as const

export interface Table {
  readonly family: string
  readonly name: string
}

/** Where its rules stand; the nftables of Alpine loads all of this folder at boot. */
export function rulesFile({ family, name }: Table): string {
  return `/etc/nftables.d/fettle-${family}-${name}.nft`
}

function unitName({ family, name }: Table): string {
  return `fettle-nft-${family}-${name}.service`
}

const HEAD = `[ "$(id -u)" = 0 ] || exit ${ENDS.notRoot}
command -v nft >/dev/null 2>&1 || exit ${ENDS.noTool}
`

/** \`told\` prints the hash of what the kernel has of a table: without counters, and without what rules put into sets. */
function telling({ family, name }: Table): string {
  return `told() {
  if o=$(nft -s -t list table ${quoteAll([family, name])} 2>&1); then printf '%s\\n' "$o" | sha256sum
  else case $o in *'No such file or directory'*) echo absent;; *) printf '%s\\n' "$o"; exit 20;; esac; fi
}
`
}

export function readScript(table: Table): string {
  return `${HEAD}${telling(table)}told`
}

/** The table as a whole, in one transaction: it is never half there, and never missing in between. */
export function rulesText({ family, name }: Table, rules: string): string {
  const body = rules.replace(/\n*$/, "\n")
  return `# Written by fettle: it replaces what is changed here.
table ${family} ${name}
delete table ${family} ${name}
table ${family} ${name} {
${body}}
`
}

function unitText(table: Table): string {
  return `# Written by fettle: loads ${rulesFile(table)} at boot.
[Unit]
Description=Rules of nftables: ${table.family} ${table.name} (fettle)
DefaultDependencies=no
After=nftables.service local-fs.target
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c "exec nft -f ${rulesFile(table)}"

[Install]
WantedBy=sysinit.target
`
}

/** Shows the rules to nft, puts them into their file, and then into the kernel. */
export function putScript(table: Table, expect: string, wanted: string): string {
  return `${HEAD}${telling(table)}f=${quote(rulesFile(table))} u=${quote(`/etc/systemd/system/${unitName(table)}`)}
o=$(nft -c -f "$S/rules" 2>&1) || { printf '%s\\n' "$o" | sed "s#^$S/rules:##" >&2; exit ${ENDS.refused}; }
if [ -L "$f" ] || [ -d "$f" ]; then exit 10; fi
if [ -e "$f" ]; then
  h=$(sha256sum <"$f") || exit 20
  case \${h%% *} in ${quote(expect)}|${wanted}) ;; *) exit 10;; esac
fi
umask 077
mkdir -p -m 755 /etc/nftables.d && cp -- "$S/rules" "$f.new" && { sync "$f.new" 2>/dev/null || sync; } && mv -f -- "$f.new" "$f" || exit 20
o=$(nft -f "$f" 2>&1) || { printf '%s\\n' "$o" >&2; exit 20; }
if [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; then
  if ! cmp -s "$S/unit" "$u"; then cp -- "$S/unit" "$u.new" && chmod 644 "$u.new" && mv -f -- "$u.new" "$u" && systemctl daemon-reload || exit 20; fi
  systemctl enable -q -- ${quote(unitName(table))} || exit 20
fi
told`
}

export function putSlots(table: Table, rules: string): Readonly<Record<string, string>> {
  return { rules: rulesText(table, rules), unit: unitText(table) }
}

/** Takes the table out of the kernel and of the next boot; the rules of others stay. */
export function removeScript(table: Table, expect: string): string {
  return `${HEAD}f=${quote(rulesFile(table))} u=${quote(`/etc/systemd/system/${unitName(table)}`)}
if [ -f "$f" ]; then
  h=$(sha256sum <"$f") || exit 20
  [ "\${h%% *}" = ${quote(expect)} ] || exit 10
fi
o=$(nft delete table ${quoteAll([table.family, table.name])} 2>&1) || case $o in *'No such file or directory'*) ;; *) printf '%s\\n' "$o" >&2; exit 20;; esac
if [ -f "$u" ]; then
  systemctl disable -q -- ${quote(unitName(table))} 2>/dev/null
  rm -f -- "$u" && systemctl daemon-reload 2>/dev/null
fi
rm -f -- "$f"`
}
